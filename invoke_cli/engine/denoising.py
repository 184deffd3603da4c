"""Denoising one batch: our noise into a stock pipeline, its steps out as events, and an end when the user says so.

The pipeline runs as it is. How it starts is `starting`'s business; the view is thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from invoke_cli.engine import Tile
from invoke_cli.engine.loading import LoadedModel
from invoke_cli.engine.looks import RescaledGuidance, after_step
from invoke_cli.engine.schedulers import build_scheduler, normalised
from invoke_cli.engine.starting import STARTS, Setting, Source
from invoke_cli.engine.tracing import Tally
from invoke_cli.errors import Interrupted
from invoke_cli.planning.plan import ImagePlan, Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """The latents of a batch before any step (`step` 0) or after a step, as they are and with unit variance."""

    step: int
    timestep: int
    latents: torch.Tensor
    visible: torch.Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Batching:
    """The images of one batch and how they are watched. `watch` gets every snapshot, the one before any step too."""

    images: Sequence[ImagePlan]
    prompt: torch.Tensor
    negative: torch.Tensor | None
    source: Source | None
    watch: Callable[[Snapshot], None]
    stopped: Callable[[], bool]
    tally: Tally = field(default_factory=Tally)
    tile: Tile | None = None


def denoise(loaded: LoadedModel, plan: Plan, batch: Batching) -> torch.Tensor:
    """The denoised, scaled latents of a batch (n, channels, height / 8, width / 8); Interrupted when stopped."""
    run = _Run(loaded, plan, batch)
    return run.latents()


class _Run:
    """One call of a pipeline."""

    def __init__(self, loaded: LoadedModel, plan: Plan, batch: Batching) -> None:
        self.plan, self.batch = plan, batch
        seeds = [image.seed for image in batch.images]
        family = loaded.model.facts.family
        self.scheduler: Any = build_scheduler(plan.sampler, loaded.scheduler_config, family, seeds)
        self.view = loaded.view(plan.task, self.scheduler)
        setting = Setting(
            loaded=loaded,
            plan=plan,
            images=batch.images,
            source=batch.source,
            scheduler=self.scheduler,
            device=self.view.unet.device,
            dtype=batch.prompt.dtype,
            tally=batch.tally,
            tile=batch.tile,
        )
        self.start = STARTS[plan.task](setting)
        self.generators = setting.generators
        self.calls = 0

    def latents(self) -> torch.Tensor:
        arguments: dict[str, object] = {
            "num_inference_steps": self.plan.steps.scheduled,
            "guidance_scale": self.plan.guidance_scale,
            "prompt_embeds": self._repeated(self.batch.prompt),
            "negative_prompt_embeds": self._repeated(self.batch.negative),
            "generator": self.generators if len(self.generators) > 1 else self.generators[0],
            "output_type": "latent",
            "callback_on_step_end": self._after_call,
        }
        arguments |= self.start.attach(self.view)
        if self.plan.look.eta:
            arguments["eta"] = self.plan.look.eta
        self._watch_start()
        hooks: list[Any] = [self.view.unet.register_forward_pre_hook(self._count)]
        if self.plan.look.guidance_rescale and self.plan.guided:
            hooks.append(RescaledGuidance(self.view, self.plan.look.guidance_rescale))
        try:
            latents: torch.Tensor = self.view(**arguments).images
        finally:
            for hook in hooks:
                hook.remove()
        return latents

    # -- the start --------------------------------------------------------------------------------------------------

    def _watch_start(self) -> None:
        """Look at the latents when the pipeline gets them."""
        prepare = self.view.prepare_latents

        def watched(*arguments: object, **named: object) -> Any:
            prepared = prepare(*arguments, **named)
            timesteps = [int(value) for value in self.scheduler.timesteps[self.start.first :]]
            self.batch.tally.say(f"timesteps {' '.join(map(str, timesteps))}")
            self._watch(0, timesteps[0], prepared[0] if isinstance(prepared, tuple) else prepared)
            return prepared

        self.view.prepare_latents = watched

    # -- the steps --------------------------------------------------------------------------------------------------

    def _after_call(self, _pipeline: object, call: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if self.batch.stopped():
            raise Interrupted("stopped")
        calls = len(self.scheduler.timesteps) - self.start.first
        step = self._step_after(call + 1, calls)
        if not step:
            return {}
        self.batch.tally.say(f"step {step} at timestep {int(timestep)}")
        latents = after_step(tensors["latents"], self.plan.look, step, self.plan.steps.taken)
        self._watch(step, int(timestep), latents)
        return {} if latents is tensors["latents"] else {"latents": latents}

    def _step_after(self, call: int, calls: int) -> int:
        """The step that is finished with this call, 0 when it is only part of one."""
        if self.plan.sampler.calls == 2:
            return (call + 1) // 2 if call % 2 == 0 or call == calls else 0
        return max(0, call - (calls - self.plan.steps.taken))

    def _watch(self, step: int, timestep: int, latents: torch.Tensor) -> None:
        position = self.start.first + (self.calls if step else 0)
        visible = normalised(latents, self.scheduler, self.plan.sampler, position)
        self.batch.watch(Snapshot(step=step, timestep=timestep, latents=latents, visible=visible))

    def _count(self, _module: object, _inputs: object) -> None:
        self.calls += 1
        self.batch.tally.denoiser_calls += 1

    def _repeated(self, embeddings: torch.Tensor | None) -> torch.Tensor | None:
        return embeddings if embeddings is None else embeddings.repeat(len(self.generators), 1, 1)
