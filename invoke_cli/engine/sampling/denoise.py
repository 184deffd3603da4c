"""Denoise one batch: pass our noise to a stock pipeline, report its steps, and end it when the user stops the run.

The pipeline runs unchanged; `initial_latents` prepares its start. The pipeline view is discarded afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
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
from invoke_cli.engine.sampling.cpu_schedule import schedule_on_cpu
from invoke_cli.engine.sampling.initial_latents import STARTS, DenoiseContext, Source
from invoke_cli.engine.sampling.latent_effects import after_step, rescaled_guidance
from invoke_cli.engine.sampling.patching import patched
from invoke_cli.engine.sampling.prompt_to_prompt import SwapEncodings, prompt_to_prompt
from invoke_cli.engine.sampling.resume import Resumed
from invoke_cli.engine.sampling.schedulers import build_scheduler
from invoke_cli.engine.sampling.source_branch import SourceBranch
from invoke_cli.engine.sampling.step_observer import Snapshot, StepObserver
from invoke_cli.errors import Interrupted
from invoke_cli.metadata.latents import LatentFile
from invoke_cli.planning.plan import ImagePlan, Plan, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class DenoiseBatch:
    """The images of one batch, their inputs and callbacks.

    Attributes:
        watch: Called with every snapshot, including the one before the first step.
        stopped: Returns whether the run should stop.
        keeps: Returns whether the latents after a step are to be saved.
        checkpoint: The checkpoint to resume from, with its file.
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


class _Run:
    """One call of a pipeline."""

    def __init__(self, loaded: LoadedModel, plan: Plan, batch: DenoiseBatch) -> None:
        self.plan, self.batch, self.loaded = plan, batch, loaded
        self.scheduler = self._new_scheduler()
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
        calls = self.resumed.checkpoint.state.calls if self.resumed else 0
        self.observer = StepObserver(
            plan=plan,
            scheduler=self.scheduler,
            counters=batch.counters,
            start=lambda: self.start.first,
            calls=calls,
        )
        self.source_branch: SourceBranch | None = None

    def latents(self) -> torch.Tensor:
        if self.resumed is not None and not self.plan.steps_left:
            return self._saved_latents(self.resumed)
        view, unet = self.view, self.view.unet
        rescale = self.plan.latent_effects.guidance_rescale if self.plan.guided else 0.0
        with ExitStack() as stack:
            stack.enter_context(patched(view, **self.start.replacements()))
            stack.enter_context(patched(view, prepare_latents=self._observed_start(view.prepare_latents)))
            stack.enter_context(schedule_on_cpu(self.scheduler, unet, self.loaded.device))
            stack.enter_context(self.observer.attached(unet))
            stack.enter_context(rescaled_guidance(view, rescale))
            swap = self.batch.encode_swap
            if swap is not None:
                self.source_branch = SourceBranch(view, self._fresh_scheduler, rescale)
                stack.enter_context(self.source_branch.attached())
            progress = lambda: self.observer.progress  # noqa: E731
            stack.enter_context(prompt_to_prompt(unet, swap, self.source_branch, len(self.generators), progress))
            latents: torch.Tensor = view(**self._arguments()).images
        return latents

    # -- arguments --------------------------------------------------------------------------------------------------

    def _arguments(self) -> dict[str, object]:
        arguments: dict[str, object] = {
            "num_inference_steps": self.plan.steps.scheduled,
            "guidance_scale": self.plan.guidance_scale,
            "generator": self.generators if len(self.generators) > 1 else self.generators[0],
            "output_type": "latent",
            "callback_on_step_end": self._after_call,
        }
        arguments |= self._conditions() | self.start.arguments()
        arguments |= control_arguments(self.plan, self.batch.guides, self.task)
        if self.loaded.image_embeds:
            arguments["ip_adapter_image_embeds"] = list(self.loaded.image_embeds)
        if self.plan.latent_effects.eta:
            arguments["eta"] = self.plan.latent_effects.eta
        return arguments

    def _conditions(self) -> dict[str, object]:
        """Return the prompt embeddings, repeated for each image."""
        count = len(self.generators)
        named = {"": self.batch.prompt.repeated(count)}
        if self.batch.negative is not None:
            named["negative_"] = self.batch.negative.repeated(count)
        conditions: dict[str, object] = {f"{sign}prompt_embeds": given.states for sign, given in named.items()}
        pooled = {f"{sign}pooled_prompt_embeds": given.pooled for sign, given in named.items() if given.has_pooled}
        return conditions | pooled

    # -- steps ------------------------------------------------------------------------------------------------------

    def _saved_latents(self, resumed: Resumed) -> torch.Tensor:
        """Return the saved latents of a run that has no steps left."""
        self.scheduler.set_timesteps(self.plan.steps.scheduled, device=self.loaded.device)
        self._report(self.plan.steps.taken, 0, resumed.latents, first=True)
        return resumed.latents

    def _observed_start(self, prepare: Callable[..., Any]) -> Callable[..., Any]:
        """Report the initial latents when the pipeline prepares them."""

        def observed(*arguments: object, **named: object) -> Any:
            prepared = prepare(*arguments, **named)
            timesteps = [int(value) for value in self.scheduler.timesteps[self.observer.position :]]
            self.batch.counters.log(f"timesteps {' '.join(map(str, timesteps))}")
            step = self.plan.resume.step if self.plan.resume else 0
            latents = prepared[0] if isinstance(prepared, tuple) else prepared
            if self.source_branch is not None:
                self.source_branch.begin(latents)
            self._report(step, timesteps[0], latents, first=True)
            return prepared

        return observed

    def _after_call(self, _pipeline: object, call: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if self.batch.stopped():
            raise Interrupted("stopped")
        step = self.observer.finish_call(call)
        effects = (
            partial(after_step, look=self.plan.latent_effects, step=step, steps=self.plan.steps.taken) if step else None
        )
        if self.source_branch is not None:
            self.source_branch.follow(tensors["latents"], effects)
        if effects is None:
            return {}
        self.batch.counters.log(f"step {step} at timestep {int(timestep)}")
        latents = effects(tensors["latents"])
        self._report(step, int(timestep), latents)
        return {} if latents is tensors["latents"] else {"latents": latents}

    def _report(self, step: int, timestep: int, latents: torch.Tensor, *, first: bool = False) -> None:
        state = self._state(first=first) if self.batch.keeps(step) else None
        self.batch.watch(self.observer.snapshot(step, latents, timestep=timestep, first=first, state=state))
        if step == self.batch.until:
            self.view._interrupt = True  # the stock pipelines' own way of ending early

    def _state(self, *, first: bool) -> SamplerState:
        """Return the state of the run.

        At the start of an inpainting run the generators are left out: resuming from there draws from the seeds again.
        """
        if first and self.resumed is not None:
            return self.resumed.state
        plan = self.plan
        fresh = self._fresh_scheduler()
        unsettled = first and plan.task is Task.INPAINT
        states = () if unsettled else generator_states(self.generators)
        history = history_of(self.scheduler, fresh)
        if self.source_branch is not None:
            history |= self.source_branch.history(fresh)
        return SamplerState(calls=self.observer.calls, history=history, generators=states)

    def _fresh_scheduler(self) -> Any:
        """Return a scheduler with the run's schedule that has taken no step."""
        fresh = self._new_scheduler()
        fresh.set_timesteps(self.plan.steps.scheduled, device=self.loaded.device)
        return fresh

    def _new_scheduler(self) -> Any:
        seeds = [image.seed for image in self.batch.images]
        family = self.loaded.model.facts.family
        return build_scheduler(self.plan.sampler, self.loaded.scheduler_config, family, seeds)
