"""Samplers into diffusers schedulers, with the settings that image to image needs and two of them mended.

A scheduler is always built from the model's own config, never from another scheduler's: nothing is carried over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import diffusers
import torch
from diffusers import LMSDiscreteScheduler, SchedulerMixin

from invoke_cli.models.families.family import Family
from invoke_cli.models.samplers import Sampler

_DROPPED = ("_class_name", "_diffusers_version", "_use_default_values")


class MendedLMSDiscreteScheduler(LMSDiscreteScheduler):  # type: ignore[misc]  # diffusers is untyped
    """k_lms whose order never exceeds the derivatives it has, also when it starts in the middle of the schedule.

    The stock class takes the order from the step's index, so that with an init image its first steps use
    coefficients of the fourth order for one derivative. Without an init image both are the same.
    """

    def step(self, model_output: Any, timestep: Any, sample: Any, order: int = 4, return_dict: bool = True) -> Any:
        """One step, as the stock class makes it, with the order that the history allows."""
        available = min(order, len(self.derivatives) + 1)
        return super().step(model_output, timestep, sample, order=available, return_dict=return_dict)


_MENDED: Mapping[str, type[Any]] = {"LMSDiscreteScheduler": MendedLMSDiscreteScheduler}


def build_scheduler(
    sampler: Sampler, base: Mapping[str, object], family: Family, seeds: Sequence[int]
) -> SchedulerMixin:
    """The scheduler for a sampler, from the model's scheduler config; `seeds` are those of the batch's images."""
    options: dict[str, object] = {**family.scheduler_overrides, **sampler.options}
    if sampler.seeded:
        options["noise_sampler_seed"] = seeds[0] if len(seeds) == 1 else list(seeds)
    cls = _MENDED.get(sampler.scheduler) or getattr(diffusers, sampler.scheduler)
    config = {key: value for key, value in base.items() if key not in _DROPPED}
    if family.flow:
        config |= _shifts(config)
    return cls.from_config(config, **options)


def _shifts(config: Mapping[str, object]) -> dict[str, object]:
    """The shift of a flow model's schedule under both names that diffusers' schedulers have for it."""
    shift = config.get("shift", config.get("flow_shift", 1.0))
    return {"shift": shift, "flow_shift": shift}


def noise_at(scheduler: Any, position: int) -> float:
    """How much noise is in the latents at place `position` of the schedule: its standard deviation over that of the
    picture, 0 after the last place. Without sigmas from the cumulative alphas (Ho et al. 2020, eq. 4).
    """
    sigmas = getattr(scheduler, "sigmas", None)
    if sigmas is not None:
        return float(sigmas[min(position, len(sigmas) - 1)])
    if position >= len(scheduler.timesteps):
        return 0.0
    kept = float(scheduler.alphas_cumprod[int(scheduler.timesteps[position])])
    return float(((1 - kept) / kept) ** 0.5)


def normalised(latents: torch.Tensor, scheduler: Any, sampler: Sampler, position: int) -> torch.Tensor:
    """Latents at place `position` of the schedule with unit variance, for looking at.

    Samplers of k-diffusion's convention let them grow with sigma: x = x0 + sigma * noise (Karras et al. 2022, eq. 2).
    """
    if not sampler.sigma_space:
        return latents
    sigma = float(scheduler.sigmas[min(position, len(scheduler.sigmas) - 1)])
    return latents.div((sigma**2 + 1) ** 0.5)
