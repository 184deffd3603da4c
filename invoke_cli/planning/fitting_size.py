"""Find a size that fits into the memory that is free."""

from __future__ import annotations

import math

from invoke_cli.models.files.folder import ModelFacts
from invoke_cli.planning.plan import Plan

# Bytes of working memory per pixel and channel of the VAE's widest stage, measured on Stable Diffusion's VAE.
_BYTES_PER_ACTIVATION = 6
_AFTER_FAILURE = 0.5  # the share of the size that failed which is suggested at most


def working_memory(plan: Plan, facts: ModelFacts, bytes_per_value: int) -> int:
    """Estimate the working memory of one image in bytes, from its pixels and the width of the VAE's last stage."""
    return plan.width * plan.height * facts.vae_channels * bytes_per_value * _BYTES_PER_ACTIVATION


def smaller_size(plan: Plan, share: float) -> tuple[int, int] | None:
    """Return the largest size of about the same shape that needs at most this share of the plan's working memory.

    None if the family cannot generate images so small.
    """
    family, scale = plan.family, math.sqrt(max(share, 0.0))
    sides = [int(side * scale) // family.multiple * family.multiple for side in (plan.width, plan.height)]
    return (sides[0], sides[1]) if min(sides) >= family.smallest else None


def size_remedy(plan: Plan, needed: int, free: int, *, failed: bool = False) -> str:
    """Return a remedy that names a size which fits; empty if none does.

    Args:
        plan: The plan that does not fit.
        needed: The estimate of its working memory.
        free: The free memory.
        failed: Whether it ran out of memory although the estimate is lower than what is free.
    """
    share = free / max(needed, 1)
    size = smaller_size(plan, min(share, _AFTER_FAILURE) if failed else share)
    return f"-W {size[0]} -H {size[1]} should fit; or " if size else ""
