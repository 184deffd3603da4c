"""The places where a stock pipeline can be watched and helped without changing what it does. Each undoes itself."""

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
    """`owner.name` is `stand_in` for a while, which may call the original that it has kept."""
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
    """What the pipeline draws as its first noise, varied as the plan wants it; nothing changes where it wants nothing.

    A pipeline takes its noise from a function of its module, whatever its task and the layout of its latents.
    """
    if not (image.variations or plan.look.perlin):
        yield
        return
    module = sys.modules[type(pipeline).__module__]
    draw = module.randn_tensor

    def varied(shape: Any, *arguments: Any, **named: Any) -> torch.Tensor:
        noise: torch.Tensor = draw(shape, *arguments, **named)
        flat = noise.to("cpu", torch.float32)
        flat = flat[:, 0] if flat.ndim == 5 else flat
        flat = mixed_with_perlin(blend(flat, image.variations), plan.look.perlin, image.seed)
        return flat.reshape(noise.shape).to(noise.device, noise.dtype)

    with replaced(module, "randn_tensor", varied):
        yield
