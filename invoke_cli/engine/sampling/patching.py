"""Patch stock pipelines to observe and extend them without changing what they compute. Each patch undoes itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from invoke_cli.engine.sampling.latent_effects import mixed_with_perlin
from invoke_cli.engine.sampling.noise import blend
from invoke_cli.planning.plan import ImagePlan, Plan


@contextmanager
def replaced(owner: Any, name: str, stand_in: Callable[..., Any]) -> Iterator[None]:
    """Set `owner.name` to `stand_in` within the context; `stand_in` may call the original."""
    had, before = name in vars(owner), getattr(owner, name)
    setattr(owner, name, stand_in)
    try:
        yield
    finally:
        if had:
            setattr(owner, name, before)
        else:
            delattr(owner, name)


@contextmanager
def patched_noise(pipeline: Any, plan: Plan, image: ImagePlan) -> Iterator[None]:
    """Apply the plan's variations and Perlin noise to the initial noise that the pipeline draws.

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

    with replaced(module, "randn_tensor", varied):
        yield
