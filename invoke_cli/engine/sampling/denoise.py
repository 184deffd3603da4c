"""Denoise one batch: pass our noise to a stock pipeline, report its steps, and end it when the user stops the run.

The pipeline runs unchanged; `initial_latents` prepares its start. The pipeline view is discarded afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from PIL import Image

from invoke_cli.engine import Tile
from invoke_cli.engine.conditioning.prompt_embeds import Embedding
from invoke_cli.engine.control.controlnet import control_arguments
from invoke_cli.engine.counters import Counters
from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.engine.sampling.checkpoint import Checkpoint, SamplerState, generator_states, history_of
from invoke_cli.engine.sampling.initial_latents import STARTS, DenoiseContext, Source
from invoke_cli.engine.sampling.latent_effects import RescaledGuidance, after_step
from invoke_cli.engine.sampling.predicted_x0 import PredictedX0
from invoke_cli.engine.sampling.prompt_to_prompt import SwapEncodings, prompt_to_prompt
from invoke_cli.engine.sampling.resume import Resumed
from invoke_cli.engine.sampling.schedulers import build_scheduler, noise_at, normalised
from invoke_cli.engine.sampling.source_branch import SourceBranch
from invoke_cli.errors import Interrupted
from invoke_cli.metadata.latents import LatentFile
from invoke_cli.planning.plan import ImagePlan, Plan, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """The latents of a batch before the first step (`step` 0) or after a step.

    Attributes:
        step: The finished step; 0 before the first.
        timestep: The scheduler's timestep.
        noise: The noise level of the latents (see `noise_at`).
        latents: The latents as they are, (n, channels, height / 8, width / 8).
        visible: The same latents scaled to unit variance.
        expected: The predicted original sample of the step, if it is known.
        first: Whether this is the snapshot that a run begins with.
        state: The state of the run, if its latents are to be saved.
    """

    step: int
    timestep: int
    noise: float
    latents: torch.Tensor
    visible: torch.Tensor
    expected: torch.Tensor | None = None
    first: bool = False
    state: SamplerState | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DenoiseBatch:
    """The images of one batch, their inputs and callbacks.

    Attributes:
        watch: Called with every snapshot, including the one before the first step.
        stopped: Returns whether the run should stop.
        keeps: Returns whether the latents after a step are to be saved.
        point: The checkpoint to resume from, with its file.
        until: The step after which the run ends.
        encode_swap: The encodings of a prompt with a word swap.
        guides: The control images.
    """

    images: Sequence[ImagePlan]
    prompt: Embedding
    negative: Embedding | None
    source: Source | None
    watch: Callable[[Snapshot], None]
    stopped: Callable[[], bool]
    keeps: Callable[[int], bool] = field(default=lambda _: False)
    checkpoint: tuple[LatentFile, Checkpoint] | None = None
    until: int | None = None
    encode_swap: SwapEncodings | None = None
    counters: Counters = field(default_factory=Counters)
    tile: Tile | None = None
    guides: Sequence[Image.Image] = ()


def denoise(loaded: LoadedModel, plan: Plan, batch: DenoiseBatch) -> torch.Tensor:
    """Return a batch's denoised, scaled latents (n, channels, height / 8, width / 8).

    Raises:
        Interrupted: The run was stopped.
    """
    run = _Run(loaded, plan, batch)
    return run.latents()


def finished_step(call: int, calls: int, plan: Plan) -> int:
    """Return the step that call number `call` of `calls`, from 1, finishes; 0 if it finishes none."""
    if plan.sampler.calls == 2:
        return (call + 1) // 2 if call % 2 == 0 or call == calls else 0
    return max(0, call - (calls - plan.steps.taken))


class _Run:
    """One call of a pipeline."""

    def __init__(self, loaded: LoadedModel, plan: Plan, batch: DenoiseBatch) -> None:
        self.plan, self.batch = plan, batch
        seeds = [image.seed for image in batch.images]
        family = loaded.model.facts.family
        self.scheduler: Any = build_scheduler(plan.sampler, loaded.scheduler_config, family, seeds)
        self.predicted_x0 = PredictedX0(self.scheduler, sigma_space=plan.sampler.sigma_space)
        self.loaded = loaded
        resumed = Task.IMAGE_TO_IMAGE if plan.task is Task.TEXT_TO_IMAGE else plan.task
        self.task = resumed if batch.checkpoint else plan.task
        self.view = loaded.view(self.task, self.scheduler)
        context = DenoiseContext(
            loaded=loaded,
            plan=plan,
            images=batch.images,
            source=batch.source,
            scheduler=self.scheduler,
            device=loaded.device,
            dtype=batch.prompt.states.dtype,
            counters=batch.counters,
            tile=batch.tile,
        )
        self.resumed = Resumed(context, *batch.checkpoint) if batch.checkpoint else None
        self.start = self.resumed or STARTS[plan.task](context)
        self.generators = context.generators
        self.calls = self.resumed.checkpoint.state.calls if self.resumed else 0
        self.source_branch: SourceBranch | None = None

    def latents(self) -> torch.Tensor:
        if self.resumed is not None and not self.plan.steps_left:
            return self._kept(self.resumed)
        arguments: dict[str, object] = {
            "num_inference_steps": self.plan.steps.scheduled,
            "guidance_scale": self.plan.guidance_scale,
            "generator": self.generators if len(self.generators) > 1 else self.generators[0],
            "output_type": "latent",
            "callback_on_step_end": self._after_call,
        }
        arguments |= self._conditions() | self.start.attach(self.view)
        arguments |= control_arguments(self.plan, self.batch.guides, self.task)
        if self.loaded.image_embeds:
            arguments["ip_adapter_image_embeds"] = list(self.loaded.image_embeds)
        if self.plan.latent_effects.eta:
            arguments["eta"] = self.plan.latent_effects.eta
        self._watch_start()
        hooks: list[Any] = [self.view.unet.register_forward_pre_hook(self._count)]
        rescale = self.plan.latent_effects.guidance_rescale if self.plan.guided else 0.0
        if rescale:
            hooks.append(RescaledGuidance(self.view, rescale))
        given = self.batch.encode_swap
        self.source_branch = SourceBranch(self.view, self._fresh, rescale) if given else None
        try:
            with prompt_to_prompt(self.view.unet, given, self.source_branch, len(self.generators), self._progress):
                latents: torch.Tensor = self.view(**arguments).images
        finally:
            for hook in hooks:
                hook.remove()
        return latents

    def _progress(self) -> float:
        """Return the share of the schedule that is finished when the current call begins."""
        return (self.start.first + self.calls - 1) / len(self.scheduler.timesteps)

    # -- start ------------------------------------------------------------------------------------------------------

    def _kept(self, resumed: Resumed) -> torch.Tensor:
        """Return the saved latents of a run that has no steps left."""
        self.scheduler.set_timesteps(self.plan.steps.scheduled, device=self.loaded.device)
        self._watch(self.plan.steps.taken, 0, resumed.latents, first=True)
        return resumed.latents

    def _watch_start(self) -> None:
        """Report the initial latents when the pipeline prepares them."""
        prepare = self.view.prepare_latents

        def watched(*arguments: object, **named: object) -> Any:
            prepared = prepare(*arguments, **named)
            timesteps = [int(value) for value in self.scheduler.timesteps[self.start.first + self.calls :]]
            self.batch.counters.log(f"timesteps {' '.join(map(str, timesteps))}")
            step = self.plan.resume.step if self.plan.resume else 0
            latents = prepared[0] if isinstance(prepared, tuple) else prepared
            if self.source_branch is not None:
                self.source_branch.begin(latents)
            self._watch(step, timesteps[0], latents, first=True)
            return prepared

        self.view.prepare_latents = watched

    # -- steps ------------------------------------------------------------------------------------------------------

    def _after_call(self, _pipeline: object, call: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if self.batch.stopped():
            raise Interrupted("stopped")
        calls = len(self.scheduler.timesteps) - self.start.first
        before = self.resumed.checkpoint.state.calls if self.resumed else 0
        step = finished_step(before + call + 1, calls, self.plan)
        look = (
            partial(after_step, look=self.plan.latent_effects, step=step, steps=self.plan.steps.taken) if step else None
        )
        if self.source_branch is not None:
            self.source_branch.follow(tensors["latents"], look)
        if look is None:
            return {}
        self.batch.counters.log(f"step {step} at timestep {int(timestep)}")
        latents = look(tensors["latents"])
        self._watch(step, int(timestep), latents)
        return {} if latents is tensors["latents"] else {"latents": latents}

    def _watch(self, step: int, timestep: int, latents: torch.Tensor, *, first: bool = False) -> None:
        position = self.start.first + self.calls
        visible = normalised(latents, self.scheduler, self.plan.sampler, position)
        noise = noise_at(self.scheduler, len(self.scheduler.timesteps) if step == self.plan.steps.taken else position)
        self.batch.watch(
            Snapshot(
                step=step,
                timestep=timestep,
                noise=noise,
                latents=latents,
                visible=visible,
                expected=self.predicted_x0.latents() if step < self.plan.steps.taken else None,
                first=first,
                state=self._state(first=first) if self.batch.keeps(step) else None,
            )
        )
        if step == self.batch.until:
            self.view._interrupt = True  # the stock pipelines' own way of ending early

    def _state(self, *, first: bool) -> SamplerState:
        """Return the state of the run.

        At the start of an inpainting run the generators are left out: resuming from there draws from the seeds again.
        """
        if first and self.resumed is not None:
            return self.resumed.state
        plan = self.plan
        fresh = self._fresh()
        unsettled = first and plan.task is Task.INPAINT
        states = () if unsettled else generator_states(self.generators)
        history = history_of(self.scheduler, fresh)
        if self.source_branch is not None:
            history |= self.source_branch.history(fresh)
        return SamplerState(calls=self.calls, history=history, generators=states)

    def _fresh(self) -> Any:
        """Return a scheduler with the run's schedule that has taken no step."""
        seeds = [image.seed for image in self.batch.images]
        plan, family = self.plan, self.loaded.model.facts.family
        fresh: Any = build_scheduler(plan.sampler, self.loaded.scheduler_config, family, seeds)
        fresh.set_timesteps(plan.steps.scheduled, device=self.loaded.device)
        return fresh

    def _count(self, _module: object, _inputs: object) -> None:
        self.calls += 1
        self.batch.counters.denoiser_calls += 1

    def _conditions(self) -> dict[str, object]:
        """Return the prompt embeddings, repeated for each image."""
        count = len(self.generators)
        named = {"": self.batch.prompt.repeated(count)}
        if self.batch.negative is not None:
            named["negative_"] = self.batch.negative.repeated(count)
        conditions: dict[str, object] = {f"{sign}prompt_embeds": given.states for sign, given in named.items()}
        pooled = {f"{sign}pooled_prompt_embeds": given.pooled for sign, given in named.items() if given.has_pooled}
        return conditions | pooled
