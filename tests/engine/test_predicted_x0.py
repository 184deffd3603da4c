"""What previews show: the clean latents a step is taken towards, as diffusers' own schedulers tell them."""

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
TELLING = [row for row in SAMPLERS if row.name in ("ddim", "ddpm", "k_lms", "k_euler", "k_euler_a")]
CONVERTING = [row for row in SAMPLERS if row.name in ("k_dpmpp_2", "unipc")]


def scheduler_of(row: Sampler, prediction: str, steps: int) -> Any:
    config = BASE | {"prediction_type": prediction, "clip_sample": False, "timestep_spacing": "leading"}
    made: Any = build_scheduler(row, config, FAMILIES[0], [3])
    made.set_timesteps(steps)
    return made


def observe(scheduler: Any, *, sigma_space: bool) -> PredictedX0:
    """Watch every step that the scheduler takes from now on."""
    predicted = PredictedX0(scheduler, sigma_space=sigma_space)
    scheduler.step = predicted.observed(scheduler.step)
    return predicted


def noise(seed: int) -> torch.Tensor:
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("row", TELLING, ids=lambda row: row.name)
def test_it_is_what_the_scheduler_itself_expects(row: Sampler, prediction: str) -> None:
    scheduler = scheduler_of(row, prediction, 6)
    foresight = observe(scheduler, sigma_space=row.sigma_space)
    assert foresight.latents() is None
    latents = noise(0) * scheduler.init_noise_sigma
    for place, timestep in enumerate(scheduler.timesteps):
        scheduler.scale_model_input(latents, timestep)
        said = scheduler.step(noise(place + 1), timestep, latents)
        expected = foresight.latents()
        assert expected is not None
        assert torch.allclose(expected, said.pred_original_sample, rtol=2e-3, atol=2e-3)
        latents = said.prev_sample


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("row", CONVERTING, ids=lambda row: row.name)
def test_it_is_what_multistep_solvers_work_with(row: Sampler, prediction: str) -> None:
    scheduler = scheduler_of(row, prediction, 6)
    foresight = observe(scheduler, sigma_space=row.sigma_space)
    latents = noise(0)
    for place, timestep in enumerate(scheduler.timesteps):
        latents = scheduler.step(noise(place + 1), timestep, latents).prev_sample
        expected = foresight.latents()
        assert expected is not None
        assert torch.allclose(expected, scheduler.model_outputs[-1], rtol=2e-2, atol=2e-2)


def test_a_flow_is_followed_to_its_end() -> None:
    scheduler: Any = FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(5)
    foresight = observe(scheduler, sigma_space=False)
    clean, first = noise(1), noise(2)
    latents = first
    for timestep in scheduler.timesteps:
        latents = scheduler.step(first - clean, timestep, latents).prev_sample
        expected = foresight.latents()
        assert expected is not None and torch.allclose(expected, clean, atol=1e-4)


def test_a_variance_that_a_model_has_learned_is_left_out() -> None:
    scheduler: Any = DDPMScheduler(variance_type="learned_range", clip_sample=False)
    scheduler.set_timesteps(4)
    foresight = observe(scheduler, sigma_space=False)
    both = torch.cat([noise(1), noise(5)], dim=1)
    said = scheduler.step(both, scheduler.timesteps[0], noise(0), generator=torch.Generator().manual_seed(0))
    expected = foresight.latents()
    assert expected is not None and torch.allclose(expected, said.pred_original_sample, rtol=2e-3, atol=2e-3)


def test_looking_on_changes_no_step() -> None:
    row = next(row for row in SAMPLERS if row.name == "k_lms")
    results = []
    for watched in (True, False):
        scheduler = scheduler_of(row, "epsilon", 5)
        if watched:
            observe(scheduler, sigma_space=True)
        latents = noise(0) * scheduler.init_noise_sigma
        for place, timestep in enumerate(scheduler.timesteps):
            scheduler.scale_model_input(latents, timestep)
            latents = scheduler.step(noise(place + 1), timestep, latents).prev_sample
        results.append(latents)
    assert torch.equal(*results)


def test_a_schedule_that_begins_with_noise_alone_is_no_accident() -> None:
    row = next(row for row in SAMPLERS if row.name == "ddim")
    config = BASE | {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    scheduler: Any = build_scheduler(row, config | {"clip_sample": False}, FAMILIES[0], [3])
    scheduler.set_timesteps(4)
    foresight = observe(scheduler, sigma_space=False)
    said = scheduler.step(noise(1), scheduler.timesteps[0], noise(0))
    expected = foresight.latents()
    assert expected is not None and torch.allclose(expected, said.pred_original_sample, atol=1e-3)
