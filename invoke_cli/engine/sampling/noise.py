"""Noise from seeds, always drawn on the CPU in float32, so that a seed gives the same noise on every device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from invoke_cli.request import Variation

_NEARLY_PARALLEL = 0.9995


def generator(seed: int) -> torch.Generator:
    """Return a CPU generator seeded with `seed`."""
    return torch.Generator("cpu").manual_seed(seed)


def draw(shape: Sequence[int], source: torch.Generator) -> torch.Tensor:
    """Draw standard normal noise of `shape`, float32 on the CPU; advances the generator."""
    return torch.randn(tuple(shape), generator=source, device="cpu", dtype=torch.float32)


def blend(noise: torch.Tensor, variations: Sequence[Variation]) -> torch.Tensor:
    """Blend the noise of each variation's seed into `noise`, in order."""
    for variation in variations:
        noise = slerp(variation.weight, noise, draw(noise.shape, generator(variation.seed)))
    return noise


def slerp(weight: float, start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    """Interpolate spherically from `start` (weight 0) to `end` (weight 1) over the flattened tensors.

    Shoemake, "Animating rotation with quaternion curves" (1985), as InvokeAI 2.x applied it; linear if the two are
    nearly parallel. Computed in float64 on one thread, so that the result does not depend on the number of threads.

    Returns:
        A float32 tensor of the same shape.
    """
    first, second = (tensor.double().numpy() for tensor in (start, end))
    cosine = float((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum()))
    if abs(cosine) > _NEARLY_PARALLEL:
        mixed = (1 - weight) * first + weight * second
    else:
        angle = np.arccos(cosine)
        mixed = (np.sin((1 - weight) * angle) * first + np.sin(weight * angle) * second) / np.sin(angle)
    return torch.from_numpy(mixed).float()
