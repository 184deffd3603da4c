"""Latent effects: threshold, Perlin noise, symmetry, seamless tiling, guidance rescale.

Each is a function of tensors, or a patch that undoes itself.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg
from torch import nn

from invoke_cli.engine.sampling.noise import blend, generator
from invoke_cli.engine.sampling.patching import forward_hook, patched, with_signature_of
from invoke_cli.planning.plan import ImagePlan, LatentEffects, Plan

LATTICE = 8
_WARMUP_SHARE, _WARMUP_FACTOR, _KEPT_SHARE = 0.2, 5.0, 0.7


def perlin_noise(shape: tuple[int, int, int, int], seed: int) -> torch.Tensor:
    """Return gradient noise on a lattice of 8 x 8 cells (Perlin 1985, with the fade curve of 2002).

    The gradients come from a separate generator, so that the ordinary noise of the seed does not change.

    Returns:
        A float32 tensor (1, channels, height, width).
    """
    _, channels, height, width = shape
    source = generator(seed)
    angles = 2 * math.pi * torch.rand((channels, LATTICE + 1, LATTICE + 1), generator=source)
    gradients = torch.stack([angles.cos(), angles.sin()], dim=-1)
    rows, columns = (torch.arange(side) * LATTICE / side for side in (height, width))
    top, left = rows.long()[:, None], columns.long()[None, :]
    down, right = (rows % 1)[:, None], (columns % 1)[None, :]

    def corner(below: int, beside: int) -> torch.Tensor:
        slope = gradients[:, top + below, left + beside]
        return slope[..., 0] * (right - beside) + slope[..., 1] * (down - below)

    fade_down, fade_right = (6 * t**5 - 15 * t**4 + 10 * t**3 for t in (down, right))
    above = torch.lerp(corner(0, 0), corner(0, 1), fade_right.expand(height, width))
    under = torch.lerp(corner(1, 0), corner(1, 1), fade_right.expand(height, width))
    return math.sqrt(2) * torch.lerp(above, under, fade_down.expand(height, width))[None]


def mixed_with_perlin(noise: torch.Tensor, share: float, seed: int) -> torch.Tensor:
    """Return (1 - share) of the noise plus `share` of gradient noise, mixed as in InvokeAI 2.x."""
    if not share:
        return noise
    _, channels, height, width = noise.shape
    return (1 - share) * noise + share * perlin_noise((1, channels, height, width), seed)


def after_step(latents: torch.Tensor, look: LatentEffects, step: int, steps: int) -> torch.Tensor:
    """Apply threshold and symmetry to latents (n, channels, height, width) after step `step` of `steps`, from 1."""
    if look.threshold:
        latents = thresholded(latents, look.threshold, step / steps)
    for fraction, axis in ((look.h_symmetry_time_pct, 3), (look.v_symmetry_time_pct, 2)):
        if fraction and (step - 1) / steps < fraction <= step / steps:
            latents = mirrored(latents, axis)
    return latents


def thresholded(latents: torch.Tensor, threshold: float, progress: float) -> torch.Tensor:
    """Scale latents above `threshold` down to at most 0.7 of the largest (InvokeAI 2.x's --threshold).

    The original replaced them with random values; scaling keeps a replay exact. During the first fifth of the run the
    threshold is up to six times as high.

    Args:
        latents: (n, channels, height, width).
        threshold: The largest absolute value allowed.
        progress: The finished share of the run, 0 to 1.
    """
    if progress < _WARMUP_SHARE:
        threshold *= 1 + _WARMUP_FACTOR * (1 - progress / _WARMUP_SHARE)
    largest = latents.abs().amax(dim=(1, 2, 3), keepdim=True)
    limit = (largest * _KEPT_SHARE).clamp(1, threshold)
    exceeds = (latents.abs() > limit) & (largest > threshold)
    return torch.where(exceeds, latents / largest * limit, latents)


def mirrored(latents: torch.Tensor, axis: int) -> torch.Tensor:
    """Replace the second half of the latents along `axis` with the mirror image of the first."""
    half = latents.shape[axis] // 2
    first = latents.narrow(axis, 0, latents.shape[axis] - half)
    return torch.cat([first, latents.narrow(axis, 0, half).flip(axis)], dim=axis)


@contextmanager
def seamless(networks: Sequence[nn.Module], axes: str) -> Iterator[None]:
    """Let every convolution of these networks wrap around along the given axes (`x`, `y`), so that the image tiles."""
    if not axes:
        yield
        return
    modules: list[Any] = [module for part in networks for module in part.modules()]
    convolutions = [module for module in modules if isinstance(module, nn.Conv2d)]
    with ExitStack() as stack:
        for module in convolutions:
            stack.enter_context(patched(module, _conv_forward=_PaddedConv(module, axes)))
        yield


class _PaddedConv:
    """A convolution's forward pass with circular padding along the chosen axes."""

    def __init__(self, module: nn.Conv2d, axes: str) -> None:
        self.module, self.axes = module, axes

    def __call__(self, values: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        high, wide = (int(side) for side in self.module.padding)
        for axis, padding in (("x", (wide, wide, 0, 0)), ("y", (0, 0, high, high))):
            values = F.pad(values, padding, mode="circular" if axis in self.axes else "constant")
        return F.conv2d(values, weight, bias, self.module.stride, 0, self.module.dilation, self.module.groups)


@contextmanager
def rescaled_guidance(view: Any, share: float) -> Iterator[None]:
    """Rescale guidance for every task (Lin et al. 2024, section 3.4); the stock image-to-image pipelines cannot.

    Args:
        view: The pipeline; its scheduler's `step` receives the guided prediction.
        share: The weight of the rescaled prediction, 0 to 1; 0 leaves the pipeline as it is.
    """
    if not share:
        yield
        return
    step = view.scheduler.step
    outputs: list[torch.Tensor] = []

    def record(_module: object, _inputs: object, output: Any) -> None:
        outputs[:] = [output[0]]

    def rescaled(prediction: torch.Tensor, *arguments: Any, **named: Any) -> Any:
        _, prompted = outputs[0].chunk(2)
        prediction = rescale_noise_cfg(prediction, prompted, guidance_rescale=share)
        return step(prediction, *arguments, **named)

    with forward_hook(view.unet, record), patched(view.scheduler, step=with_signature_of(step, rescaled)):
        yield


@contextmanager
def varied_noise(pipeline: Any, plan: Plan, image: ImagePlan) -> Iterator[None]:
    """Apply the plan's variations and Perlin noise to the initial noise that a stock pipeline draws.

    Every pipeline draws its noise through a function of its module, whatever its task and latent layout.
    """
    if not (image.variations or plan.latent_effects.perlin):
        yield
        return
    module = sys.modules[type(pipeline).__module__]
    draw = module.randn_tensor

    def varied(shape: Any, *arguments: Any, **named: Any) -> torch.Tensor:
        noise: torch.Tensor = draw(shape, *arguments, **named)
        flat = noise.to("cpu", torch.float32)
        flat = flat[:, 0] if flat.ndim == 5 else flat
        flat = mixed_with_perlin(blend(flat, image.variations), plan.latent_effects.perlin, image.seed)
        return flat.reshape(noise.shape).to(noise.device, noise.dtype)

    with patched(module, randn_tensor=varied):
        yield
