"""Denoising one batch: our noise into a stock pipeline, its steps out as events, and an end when the user says so.

The pipeline runs as it is. How it starts is `starting`'s business; the view is thrown away afterwards.
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
    """The latents of a batch before any step (`step` 0) or after a step, as they are and with unit variance. `noise` is
    how much of it is in them (see `noise_at`); `expected` are the clean ones that the step was taken towards.

    `first` tells the one that a run begins with; `moment` is there where the latents are wanted.
    """

    step: int
    timestep: int
    noise: float
    latents: torch.Tensor
    visible: torch.Tensor
    expected: torch.Tensor | None = None
    first: bool = False
    moment: SamplerState | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Batching:
    """The images of one batch and how they are watched. `watch` gets every snapshot, the one before any step too.

    `keeps` tells after which steps the latents are wanted; `point` is where the run goes on from, `until` the step
    after which it ends; `guides` are the control images. `exchanged` is there where words of the prompt are exchanged.
    """

    images: Sequence[ImagePlan]
    prompt: Embedding
    negative: Embedding | None
    source: Source | None
    watch: Callable[[Snapshot], None]
    stopped: Callable[[], bool]
    keeps: Callable[[int], bool] = field(default=lambda _: False)
    point: tuple[LatentFile, Checkpoint] | None = None
    until: int | None = None
    encode_swap: SwapEncodings | None = None
    counters: Counters = field(default_factory=Counters)
    tile: Tile | None = None
    guides: Sequence[Image.Image] = ()


def denoise(loaded: LoadedModel, plan: Plan, batch: Batching) -> torch.Tensor:
    """The denoised, scaled latents of a batch (n, channels, height / 8, width / 8); Interrupted when stopped."""
    run = _Run(loaded, plan, batch)
    return run.latents()


def finished_step(call: int, calls: int, plan: Plan) -> int:
    """The step that is finished with a run's call number `call` of `calls`, from 1; 0 when it is only part of one."""
    if plan.sampler.calls == 2:
        return (call + 1) // 2 if call % 2 == 0 or call == calls else 0
    return max(0, call - (calls - plan.steps.taken))


class _Run:
    """One call of a pipeline."""

    def __init__(self, loaded: LoadedModel, plan: Plan, batch: Batching) -> None:
        self.plan, self.batch = plan, batch
        seeds = [image.seed for image in batch.images]
        family = loaded.model.facts.family
        self.scheduler: Any = build_scheduler(plan.sampler, loaded.scheduler_config, family, seeds)
        self.foresight = PredictedX0(self.scheduler, sigma_space=plan.sampler.sigma_space)
        self.loaded = loaded
        resumed = Task.IMAGE_TO_IMAGE if plan.task is Task.TEXT_TO_IMAGE else plan.task
        self.task = resumed if batch.point else plan.task
        self.view = loaded.view(self.task, self.scheduler)
        setting = DenoiseContext(
            loaded=loaded,
            plan=plan,
            images=batch.images,
            source=batch.source,
            scheduler=self.scheduler,
            device=loaded.place,
            dtype=batch.prompt.states.dtype,
            counters=batch.counters,
            tile=batch.tile,
        )
        self.resumed = Resumed(setting, *batch.point) if batch.point else None
        self.start = self.resumed or STARTS[plan.task](setting)
        self.generators = setting.generators
        self.calls = self.resumed.point.moment.calls if self.resumed else 0
        self.companion: SourceBranch | None = None

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
        if self.loaded.seen:
            arguments["ip_adapter_image_embeds"] = list(self.loaded.seen)
        if self.plan.look.eta:
            arguments["eta"] = self.plan.look.eta
        self._watch_start()
        hooks: list[Any] = [self.view.unet.register_forward_pre_hook(self._count)]
        rescale = self.plan.look.guidance_rescale if self.plan.guided else 0.0
        if rescale:
            hooks.append(RescaledGuidance(self.view, rescale))
        given = self.batch.encode_swap
        self.companion = SourceBranch(self.view, self._fresh, rescale) if given else None
        try:
            with prompt_to_prompt(self.view.unet, given, self.companion, len(self.generators), self._progress):
                latents: torch.Tensor = self.view(**arguments).images
        finally:
            for hook in hooks:
                hook.remove()
        return latents

    def _progress(self) -> float:
        """The share of the schedule that lies behind the call that begins."""
        return (self.start.first + self.calls - 1) / len(self.scheduler.timesteps)

    # -- the start --------------------------------------------------------------------------------------------------

    def _kept(self, resumed: Resumed) -> torch.Tensor:
        """The latents of a run that has no step left."""
        self.scheduler.set_timesteps(self.plan.steps.scheduled, device=self.loaded.place)
        self._watch(self.plan.steps.taken, 0, resumed.latents, first=True)
        return resumed.latents

    def _watch_start(self) -> None:
        """Look at the latents when the pipeline gets them."""
        prepare = self.view.prepare_latents

        def watched(*arguments: object, **named: object) -> Any:
            prepared = prepare(*arguments, **named)
            timesteps = [int(value) for value in self.scheduler.timesteps[self.start.first + self.calls :]]
            self.batch.counters.say(f"timesteps {' '.join(map(str, timesteps))}")
            step = self.plan.resume.step if self.plan.resume else 0
            latents = prepared[0] if isinstance(prepared, tuple) else prepared
            if self.companion is not None:
                self.companion.begin(latents)
            self._watch(step, timesteps[0], latents, first=True)
            return prepared

        self.view.prepare_latents = watched

    # -- the steps --------------------------------------------------------------------------------------------------

    def _after_call(self, _pipeline: object, call: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if self.batch.stopped():
            raise Interrupted("stopped")
        calls = len(self.scheduler.timesteps) - self.start.first
        before = self.resumed.point.moment.calls if self.resumed else 0
        step = finished_step(before + call + 1, calls, self.plan)
        look = partial(after_step, look=self.plan.look, step=step, steps=self.plan.steps.taken) if step else None
        if self.companion is not None:
            self.companion.follow(tensors["latents"], look)
        if look is None:
            return {}
        self.batch.counters.say(f"step {step} at timestep {int(timestep)}")
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
                expected=self.foresight.latents() if step < self.plan.steps.taken else None,
                first=first,
                moment=self._moment(first=first) if self.batch.keeps(step) else None,
            )
        )
        if step == self.batch.until:
            self.view._interrupt = True  # the stock pipelines' own way to end early

    def _moment(self, *, first: bool) -> SamplerState:
        """Where the run stands. What a mask lets the beginning draw later is drawn again when a run goes on from it."""
        if first and self.resumed is not None:
            return self.resumed.moment
        plan = self.plan
        fresh = self._fresh()
        unsettled = first and plan.task is Task.INPAINT
        states = () if unsettled else generator_states(self.generators)
        history = history_of(self.scheduler, fresh)
        if self.companion is not None:
            history |= self.companion.history(fresh)
        return SamplerState(calls=self.calls, history=history, generators=states)

    def _fresh(self) -> Any:
        """A sampler with the run's schedule that has taken no step."""
        seeds = [image.seed for image in self.batch.images]
        plan, family = self.plan, self.loaded.model.facts.family
        fresh: Any = build_scheduler(plan.sampler, self.loaded.scheduler_config, family, seeds)
        fresh.set_timesteps(plan.steps.scheduled, device=self.loaded.place)
        return fresh

    def _count(self, _module: object, _inputs: object) -> None:
        self.calls += 1
        self.batch.counters.denoiser_calls += 1

    def _conditions(self) -> dict[str, object]:
        """The embeddings, once for each image."""
        count = len(self.generators)
        named = {"": self.batch.prompt.repeated(count)}
        if self.batch.negative is not None:
            named["negative_"] = self.batch.negative.repeated(count)
        conditions: dict[str, object] = {f"{sign}prompt_embeds": given.states for sign, given in named.items()}
        pooled = {f"{sign}pooled_prompt_embeds": given.pooled for sign, given in named.items() if given.has_pooled}
        return conditions | pooled
