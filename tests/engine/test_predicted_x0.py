"""Predicted clean latents of each step (pred_x0), compared with the values of diffusers' schedulers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler, FlowMatchEulerDiscreteScheduler

from invoke_cli.engine.sampling.predicted_x0 import PredictedX0
from invoke_cli.engine.sampling.schedulers import build_scheduler
from invoke_cli.models.families.table import FAMILIES
from invoke_cli.models.samplers import SAMPLERS, Sampler

BASE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
REPORTING = [row for row in SAMPLERS if row.name in ("ddim", "ddpm", "k_lms", "k_euler", "k_euler_a")]
CONVERTING = [row for row in SAMPLERS if row.name in ("k_dpmpp_2", "unipc")]


def scheduler_of(row: Sampler, prediction: str, steps: int) -> Any:
    config = BASE | {"prediction_type": prediction, "clip_sample": False, "timestep_spacing": "leading"}
    scheduler: Any = build_scheduler(row, config, FAMILIES[0], [3])
    scheduler.set_timesteps(steps)
    return scheduler


def observe(scheduler: Any, *, sigma_space: bool) -> PredictedX0:
    """Observe every step that the scheduler takes."""
    predicted = PredictedX0(scheduler, sigma_space=sigma_space)
    scheduler.step = predicted.observed(scheduler.step)
    return predicted


def noise(seed: int) -> torch.Tensor:
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("row", REPORTING, ids=lambda row: row.name)
def test_the_prediction_equals_the_scheduler_s_pred_original_sample(row: Sampler, prediction: str) -> None:
    scheduler = scheduler_of(row, prediction, 6)
    predicted_x0 = observe(scheduler, sigma_space=row.sigma_space)
    assert predicted_x0.latents() is None
    latents = noise(0) * scheduler.init_noise_sigma
    for index, timestep in enumerate(scheduler.timesteps):
        scheduler.scale_model_input(latents, timestep)
        output = scheduler.step(noise(index + 1), timestep, latents)
        expected = predicted_x0.latents()
        assert expected is not None
        assert torch.allclose(expected, output.pred_original_sample, rtol=2e-3, atol=2e-3)
        latents = output.prev_sample


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("row", CONVERTING, ids=lambda row: row.name)
def test_the_prediction_equals_the_model_outputs_of_multistep_solvers(row: Sampler, prediction: str) -> None:
    scheduler = scheduler_of(row, prediction, 6)
    predicted_x0 = observe(scheduler, sigma_space=row.sigma_space)
    latents = noise(0)
    for index, timestep in enumerate(scheduler.timesteps):
        latents = scheduler.step(noise(index + 1), timestep, latents).prev_sample
        expected = predicted_x0.latents()
        assert expected is not None
        assert torch.allclose(expected, scheduler.model_outputs[-1], rtol=2e-2, atol=2e-2)


def test_the_prediction_of_a_flow_is_its_end() -> None:
    scheduler: Any = FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(5)
    predicted_x0 = observe(scheduler, sigma_space=False)
    clean, first = noise(1), noise(2)
    latents = first
    for timestep in scheduler.timesteps:
        latents = scheduler.step(first - clean, timestep, latents).prev_sample
        expected = predicted_x0.latents()
        assert expected is not None and torch.allclose(expected, clean, atol=1e-4)


def test_a_learned_variance_is_ignored() -> None:
    scheduler: Any = DDPMScheduler(variance_type="learned_range", clip_sample=False)
    scheduler.set_timesteps(4)
    predicted_x0 = observe(scheduler, sigma_space=False)
    both = torch.cat([noise(1), noise(5)], dim=1)
    output = scheduler.step(both, scheduler.timesteps[0], noise(0), generator=torch.Generator().manual_seed(0))
    expected = predicted_x0.latents()
    assert expected is not None and torch.allclose(expected, output.pred_original_sample, rtol=2e-3, atol=2e-3)


def test_observing_changes_no_step() -> None:
    row = next(row for row in SAMPLERS if row.name == "k_lms")
    results = []
    for watched in (True, False):
        scheduler = scheduler_of(row, "epsilon", 5)
        if watched:
            observe(scheduler, sigma_space=True)
        latents = noise(0) * scheduler.init_noise_sigma
        for index, timestep in enumerate(scheduler.timesteps):
            scheduler.scale_model_input(latents, timestep)
            latents = scheduler.step(noise(index + 1), timestep, latents).prev_sample
        results.append(latents)
    assert torch.equal(*results)


def test_zero_terminal_snr_is_supported() -> None:
    row = next(row for row in SAMPLERS if row.name == "ddim")
    config = BASE | {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    scheduler: Any = build_scheduler(row, config | {"clip_sample": False}, FAMILIES[0], [3])
    scheduler.set_timesteps(4)
    predicted_x0 = observe(scheduler, sigma_space=False)
    output = scheduler.step(noise(1), scheduler.timesteps[0], noise(0))
    expected = predicted_x0.latents()
    assert expected is not None and torch.allclose(expected, output.pred_original_sample, atol=1e-3)
