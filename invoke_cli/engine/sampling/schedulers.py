"""Build diffusers schedulers for the samplers, with the settings that image to image needs and fixes for known bugs.

A scheduler is always built from the model's own config, never from another scheduler, so nothing is carried over.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import diffusers
import torch
from diffusers import LMSDiscreteScheduler, SchedulerMixin

from invoke_cli.models.families.family import Family
from invoke_cli.models.samplers import Sampler
from invoke_cli.request import DISTINCT_SEEDS

# The schedule of a model that was trained with zero terminal SNR (Lin et al. 2023, algorithm 1 and section 3.3).
ZERO_SNR: Mapping[str, object] = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
_SMALLEST_ALPHA = 2**-24  # what diffusers uses instead of 0, which zero terminal SNR means
_DROPPED = ("_class_name", "_diffusers_version", "_use_default_values")


class FixedLMSDiscreteScheduler(LMSDiscreteScheduler):  # type: ignore[misc]  # diffusers is untyped
    """k_lms whose order never exceeds the derivatives it has, even if it starts in the middle of the schedule.

    The stock class derives the order from the step index, so that with an init image its first steps use fourth-order
    coefficients with only one derivative. Without an init image both are identical.
    """

    def step(self, model_output: Any, timestep: Any, sample: Any, order: int = 4, return_dict: bool = True) -> Any:
        """Take one step as the stock class does, with the order that the history allows."""
        available = min(order, len(self.derivatives) + 1)
        return super().step(model_output, timestep, sample, order=available, return_dict=return_dict)


_FIXED: Mapping[str, type[Any]] = {"LMSDiscreteScheduler": FixedLMSDiscreteScheduler}


def build_scheduler(
    sampler: Sampler, base: Mapping[str, object], family: Family, seeds: Sequence[int]
) -> SchedulerMixin:
    """Build the scheduler of a sampler from the model's scheduler config.

    Args:
        sampler: The row of the sampler table.
        base: The model's own scheduler config.
        family: The model's family, which overrides some options.
        seeds: The seeds of the batch's images, for samplers that draw noise themselves.
    """
    options: dict[str, object] = {**family.scheduler_overrides, **sampler.options}
    if sampler.seeded:
        # The same 32 bits as the generator of the initial noise, so that equivalent seeds give the same image.
        drawn = [seed % DISTINCT_SEEDS for seed in seeds]
        options["noise_sampler_seed"] = drawn[0] if len(drawn) == 1 else drawn
    cls = _FIXED.get(sampler.scheduler) or _scheduler_class(sampler.scheduler)
    config = {key: value for key, value in base.items() if key not in _DROPPED}
    if family.flow:
        config |= _shifts(config)
    return cls.from_config(config, **options)


def reaches_zero_snr(sampler: Sampler) -> bool:
    """Return whether a sampler's scheduler supports a schedule that ends in pure noise."""
    cls = _FIXED.get(sampler.scheduler) or _scheduler_class(sampler.scheduler)
    return "rescale_betas_zero_snr" in inspect.signature(cls.__init__).parameters


def _scheduler_class(name: str) -> type[Any]:
    """Return a class of diffusers, or the one that a plug-in's `package.module:Class` names."""
    module, _, cls = name.rpartition(":")
    found: type[Any] = getattr(import_module(module) if module else diffusers, cls)
    return found


def _shifts(config: Mapping[str, object]) -> dict[str, object]:
    """Return a flow model's timestep shift under both names that diffusers' schedulers use for it."""
    shift = config.get("shift", config.get("flow_shift", 1.0))
    return {"shift": shift, "flow_shift": shift}


def noise_at(scheduler: Any, position: int) -> float:
    """Return the noise level at index `position` of the schedule, 0 after the last.

    It is the noise's standard deviation divided by the image's: the scheduler's sigma, or without sigmas
    sqrt((1 - a) / a) of the cumulative alpha a (Ho et al. 2020, eq. 4).
    """
    sigmas = getattr(scheduler, "sigmas", None)
    if sigmas is not None:
        return float(sigmas[min(position, len(sigmas) - 1)])
    if position >= len(scheduler.timesteps):
        return 0.0
    alpha = max(_SMALLEST_ALPHA, float(scheduler.alphas_cumprod[int(scheduler.timesteps[position])]))
    return float(((1 - alpha) / alpha) ** 0.5)


def normalised(latents: torch.Tensor, scheduler: Any, sampler: Sampler, position: int) -> torch.Tensor:
    """Scale latents at index `position` of the schedule to unit variance, for previews.

    With k-diffusion's convention they grow with sigma: x = x0 + sigma * noise (Karras et al. 2022, eq. 2).
    """
    if not sampler.sigma_space:
        return latents
    sigma = float(scheduler.sigmas[min(position, len(scheduler.sigmas) - 1)])
    return latents.div((sigma**2 + 1) ** 0.5)
