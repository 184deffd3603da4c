"""Prepare the initial latents of a run: from noise, from a noised image, or from an image of which a part is painted.

Each start supplies the stock pipeline's additional arguments and replacements for its methods that draw latents: the
same draws in the same order, but from cached distributions and with one generator per image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image

from invoke_cli.engine import Tile
from invoke_cli.engine.counters import Counters
from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.engine.sampling.latent_effects import mixed_with_perlin
from invoke_cli.engine.sampling.noise import blend, draw, generator
from invoke_cli.engine.sampling.vae import sample_latents
from invoke_cli.models.files.folder import INPAINTING_CHANNELS
from invoke_cli.planning.plan import ImagePlan, Plan, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """What a run starts from.

    Attributes:
        moments: The parameters of the init image's posterior (see `ImageEncoder.moments`).
        latents: The scaled latents of the previous stage, instead of `moments`.
        mask: The inpainting mask: mode L at the canvas size, whole latent cells.
        blanked: The posterior of the init image with the masked part set to grey, for inpainting UNets.
    """

    moments: torch.Tensor | None = None
    latents: torch.Tensor | None = None
    mask: Image.Image | None = None
    blanked: torch.Tensor | None = None


@dataclass(kw_only=True)
class DenoiseContext:
    """What the start of a run needs: the model, the plan, the images of the batch, and the run's scheduler."""

    loaded: LoadedModel
    plan: Plan
    images: Sequence[ImagePlan]
    source: Source | None
    scheduler: Any
    device: torch.device
    dtype: torch.dtype
    counters: Counters
    tile: Tile | None = None
    generators: list[torch.Generator] = field(init=False)

    def __post_init__(self) -> None:
        self.generators = [generator(image.seed) for image in self.images]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of one image's latents: (1, channels, height / 8, width / 8)."""
        factor = self.loaded.scale_factor
        return (1, self.loaded.latent_channels, self.plan.height // factor, self.plan.width // factor)

    def noise(self) -> torch.Tensor:
        """Draw the noise of all images, (n, channels, height, width), each from its own generator."""
        noises = [
            self._tile_of(
                mixed_with_perlin(blend(first, image.variations), self.plan.latent_effects.perlin, image.seed)
            )
            for first, image in zip(self._first_draws(), self.images, strict=True)
        ]
        return torch.cat(noises).to(self.device, self.dtype)

    def _first_draws(self) -> list[torch.Tensor]:
        """Draw the noise of each seed, for a tile that of the whole canvas."""
        if self.tile is None:
            return [draw(self.shape, source) for source in self.generators]
        factor, canvas = self.loaded.scale_factor, self.tile.canvas
        shape = (1, self.loaded.latent_channels, canvas.height // factor, canvas.width // factor)
        return [draw(shape, generator(image.seed)) for image in self.images]

    def _tile_of(self, noise: torch.Tensor) -> torch.Tensor:
        if self.tile is None:
            return noise
        _, _, height, width = self.shape
        top, left = (side // self.loaded.scale_factor for side in (self.tile.top, self.tile.left))
        return noise[..., top : top + height, left : left + width]


class FromNoise:
    """Text to image: starts from pure noise."""

    def __init__(self, context: DenoiseContext) -> None:
        self.context = context

    @property
    def first(self) -> int:
        """The index in the scheduler's timesteps at which the run begins."""
        return 0

    def arguments(self) -> dict[str, object]:
        """Return additional arguments for the pipeline's call."""
        return {"width": self.context.plan.width, "height": self.context.plan.height}

    def replacements(self) -> dict[str, Callable[..., Any]]:
        """Return what replaces the pipeline's own methods, by their names."""
        return {"prepare_latents": self._latents}

    def _latents(self, *_: object) -> torch.Tensor:
        latents: torch.Tensor = self.context.noise() * self.context.scheduler.init_noise_sigma
        return latents


class FromImage(FromNoise):
    """Image to image: starts from the init image with the noise that the first step expects."""

    @property
    def first(self) -> int:
        """The index in the scheduler's timesteps at which the run begins."""
        steps = self.context.plan.steps
        return (steps.scheduled - steps.taken) * int(self.context.scheduler.order)

    def arguments(self) -> dict[str, object]:
        """Return additional arguments for the pipeline's call."""
        # The pipeline reads only its image's shape; our prepare_latents supplies the values.
        placeholder = torch.zeros(self.context.shape, dtype=self.context.dtype)
        return {"image": placeholder, "strength": self._strength()}

    def replacements(self) -> dict[str, Callable[..., Any]]:
        """Return what replaces the pipeline's own methods, by their names."""
        return {"prepare_latents": self._noised}

    def _strength(self) -> float:
        """Return the strength for k of n steps: half a step above k / n, so that int(n * strength) is always k."""
        steps = self.context.plan.steps
        return min(1.0, (steps.taken + 0.5) / steps.scheduled)

    def _clean(self) -> torch.Tensor:
        source = self.context.source
        assert source is not None
        if source.latents is not None:
            given = source.latents.to(self.context.device, self.context.dtype)
            return given.repeat(len(self.context.images), 1, 1, 1)
        assert source.moments is not None
        return self._sampled(source.moments)

    def _sampled(self, moments: torch.Tensor) -> torch.Tensor:
        loaded = self.context.loaded
        return torch.cat([sample_latents(loaded, moments, source) for source in self.context.generators])

    def _noised(self, _image: object, timestep: torch.Tensor, *_: object) -> torch.Tensor:
        clean, noise = self._interleaved()
        return self._with_noise(clean, noise, timestep)

    def _interleaved(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the clean latents and the noise; each generator draws them in this order."""
        clean = self._clean()
        return clean, self.context.noise()

    def _with_noise(self, clean: torch.Tensor, noise: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        self.context.counters.log(f"add_noise at timestep {int(timestep[0])}")
        noised: torch.Tensor = self.context.scheduler.add_noise(clean, noise, timestep)
        return noised


class FromMaskedImage(FromImage):
    """Inpainting, with an ordinary UNet (the pipeline restores the unmasked part each step) or an inpainting UNet."""

    def replacements(self) -> dict[str, Callable[..., Any]]:
        """Return what replaces the pipeline's own methods, by their names."""
        return {"prepare_latents": self._prepared, "prepare_mask_latents": self._masked}

    def arguments(self) -> dict[str, object]:
        """Return additional arguments for the pipeline's call."""
        plan = self.context.plan
        assert self.context.source is not None
        return super().arguments() | {
            "image": torch.zeros((1, 3, plan.height, plan.width)),
            "mask_image": self.context.source.mask,
            "width": plan.width,
            "height": plan.height,
        }

    @property
    def _has_inpaint_unet(self) -> bool:
        return self.context.loaded.input_channels == INPAINTING_CHANNELS

    def _prepared(self, *_: object, timestep: torch.Tensor, is_strength_max: bool, **__: object) -> Any:
        """Return the initial latents, the noise and, for an ordinary UNet, the clean latents."""
        # Contiguous, as in the stock pipeline: the memory layout affects the low-order bits.
        clean = None if self._has_inpaint_unet and is_strength_max else self._clean().contiguous()
        noise = self.context.noise()
        if is_strength_max or clean is None:
            start = noise * self.context.scheduler.init_noise_sigma
        else:
            start = self._with_noise(clean, noise, timestep)
        return (start, noise) if self._has_inpaint_unet else (start, noise, clean)

    def _masked(self, mask: torch.Tensor, *arguments: object) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mask and the masked image's latents on the latent grid, both doubled under guidance."""
        guided = bool(arguments[-1])
        count, (_, channels, height, width) = len(self.context.images), self.context.shape
        cells = torch.nn.functional.interpolate(mask, size=(height, width)).to(self.context.device, self.context.dtype)
        source = self.context.source
        if source is not None and source.blanked is not None:
            kept = self._sampled(source.blanked).to(self.context.dtype)
        else:
            kept = torch.zeros((count, channels, height, width), device=self.context.device, dtype=self.context.dtype)
        cells = cells.repeat(count, 1, 1, 1)
        times = 2 if guided else 1
        return torch.cat([cells] * times), torch.cat([kept] * times)


STARTS: Mapping[Task, type[FromNoise]] = {
    Task.TEXT_TO_IMAGE: FromNoise,
    Task.IMAGE_TO_IMAGE: FromImage,
    Task.INPAINT: FromMaskedImage,
}
