"""Denoising one batch: our noise into a stock pipeline, its steps out as events, and an end when the user says so.

The pipeline runs as it is. Its `prepare_latents` is replaced on the view, which is thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from invoke_cli.engine.images import draw_latents
from invoke_cli.engine.loading import LoadedModel
from invoke_cli.engine.noise import blend, draw, generator
from invoke_cli.engine.schedulers import build_scheduler, normalised
from invoke_cli.engine.tracing import Tally
from invoke_cli.errors import Interrupted
from invoke_cli.planning.plan import ImagePlan, Plan, Task


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
    moments: torch.Tensor | None
    watch: Callable[[Snapshot], None]
    stopped: Callable[[], bool]
    tally: Tally = field(default_factory=Tally)


def denoise(loaded: LoadedModel, plan: Plan, batch: Batching) -> torch.Tensor:
    """The denoised, scaled latents of a batch (n, channels, height / 8, width / 8); Interrupted when stopped."""
    run = _Run(loaded, plan, batch)
    return run.latents()


class _Run:
    """One call of a pipeline."""

    def __init__(self, loaded: LoadedModel, plan: Plan, batch: Batching) -> None:
        self.loaded, self.plan, self.batch = loaded, plan, batch
        self.generators = [generator(image.seed) for image in batch.images]
        seeds = [image.seed for image in batch.images]
        family = loaded.model.facts.family
        self.scheduler: Any = build_scheduler(plan.sampler, loaded.scheduler_config, family, seeds)
        self.view = loaded.view(plan.task, self.scheduler)
        self.calls = 0
        self.begin = 0

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
        if self.plan.task is Task.TEXT_TO_IMAGE:
            self.view.prepare_latents = self._pure_noise
            arguments |= {"width": self.plan.width, "height": self.plan.height}
        else:
            self.view.prepare_latents = self._noised_image
            # Half a step more than the share of k steps in n: int(n * strength) is then k in any rounding.
            steps = self.plan.steps
            arguments |= {"image": self._placeholder(), "strength": min(1.0, (steps.taken + 0.5) / steps.scheduled)}
        counting = self.view.unet.register_forward_pre_hook(self._count)
        try:
            latents: torch.Tensor = self.view(**arguments).images
        finally:
            counting.remove()
        return latents

    # -- the start --------------------------------------------------------------------------------------------------

    def _pure_noise(self, *_: object) -> torch.Tensor:
        shape = self._shape()
        noise = torch.cat([self._noise(shape, index) for index in range(len(self.generators))])
        return self._begin(noise.to(self._device(), self._dtype()) * self.scheduler.init_noise_sigma)

    def _noised_image(self, _image: object, timestep: torch.Tensor, *_: object) -> torch.Tensor:
        """The init image with the noise that the first step expects; the same draws in the same order as the stock."""
        assert self.batch.moments is not None
        clean, noise = [], []
        for index, source in enumerate(self.generators):
            clean.append(draw_latents(self.loaded, self.batch.moments, source))
            noise.append(self._noise(clean[-1].shape, index))
        self.begin = self.plan.steps.scheduled - self.plan.steps.taken
        self.begin *= int(self.scheduler.order)
        self.batch.tally.say(f"add_noise at timestep {int(timestep[0])}")
        noises = torch.cat(noise).to(self._device(), self._dtype())
        return self._begin(self.scheduler.add_noise(torch.cat(clean), noises, timestep))

    def _noise(self, shape: Sequence[int], index: int) -> torch.Tensor:
        return blend(draw(shape, self.generators[index]), self.batch.images[index].variations)

    def _begin(self, latents: torch.Tensor) -> torch.Tensor:
        timesteps = [int(value) for value in self.scheduler.timesteps[self.begin :]]
        self.batch.tally.say(f"timesteps {' '.join(map(str, timesteps))}")
        self._watch(0, timesteps[0], latents)
        return latents

    # -- the steps --------------------------------------------------------------------------------------------------

    def _after_call(self, _pipeline: object, call: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if self.batch.stopped():
            raise Interrupted("stopped")
        calls = len(self.scheduler.timesteps) - self.begin
        step = self._step_after(call + 1, calls)
        if step:
            self.batch.tally.say(f"step {step} at timestep {int(timestep)}")
            self._watch(step, int(timestep), tensors["latents"])
        return {}

    def _step_after(self, call: int, calls: int) -> int:
        """The step that is finished with this call, 0 when it is only part of one."""
        if self.plan.sampler.calls == 2:
            return (call + 1) // 2 if call % 2 == 0 or call == calls else 0
        return max(0, call - (calls - self.plan.steps.taken))

    def _watch(self, step: int, timestep: int, latents: torch.Tensor) -> None:
        position = self.begin + (self.calls if step else 0)
        visible = normalised(latents, self.scheduler, self.plan.sampler, position)
        self.batch.watch(Snapshot(step=step, timestep=timestep, latents=latents, visible=visible))

    def _count(self, _module: object, _inputs: object) -> None:
        self.calls += 1
        self.batch.tally.denoiser_calls += 1

    # -- shapes -----------------------------------------------------------------------------------------------------

    def _shape(self) -> tuple[int, int, int, int]:
        factor = self.loaded.scale_factor
        return (1, self.loaded.latent_channels, self.plan.height // factor, self.plan.width // factor)

    def _placeholder(self) -> torch.Tensor:
        """What the stock pipeline is given as its image; the real latents are made when it asks for them."""
        return torch.zeros(self._shape(), dtype=self._dtype())

    def _repeated(self, embeddings: torch.Tensor | None) -> torch.Tensor | None:
        return embeddings if embeddings is None else embeddings.repeat(len(self.generators), 1, 1)

    def _device(self) -> torch.device:
        device: torch.device = self.view.unet.device
        return device

    def _dtype(self) -> torch.dtype:
        dtype: torch.dtype = self.batch.prompt.dtype
        return dtype
