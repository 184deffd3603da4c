"""Samplers by their steps: how many they take, where they start, and which timesteps they use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from invoke_cli.engine import Engine
from invoke_cli.engine.diffusers_engine import DiffusersEngine
from invoke_cli.errors import PlanError
from invoke_cli.events import Step
from invoke_cli.models.samplers import SAMPLERS, find_sampler, sampler_names
from tests.engine.jobs import Events, job_for, model_at, results, traces

# Two calls of the model in each step, with another schedule than samplers that are tested anyway.
SLOW = ("kdpm_2_k", "kdpm_2_a_k")


@pytest.mark.feature("sampler")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in ("kdpm_2_k", "kdpm_2_a_k") else name
        for name in sampler_names()
    ],
)
def test_every_sampler_works_with_and_without_an_init_image(
    engine: Engine, tiny_model: Path, sketch_64: Image.Image, name: str
) -> None:
    model = model_at(tiny_model)
    for line, init in ((f"a cat -s5 -A {name}", None), (f"a cat -s10 -f.7 -I x -A {name}", sketch_64)):
        first, second = (results(engine, job_for(line, model, init))[0].image for _ in range(2))
        assert first.tobytes() == second.tobytes(), "not repeatable"
        assert np.asarray(first).std() > 0


@pytest.mark.parametrize(
    "row", [row for row in SAMPLERS if row.calls == 1 and not row.with_init], ids=lambda row: row.name
)
def test_first_order_samplers_call_the_denoiser_once_per_step(
    engine: Engine, tiny_model: Path, sketch_64: Image.Image, row: Any
) -> None:
    for strength, taken in ((0.7, 7), (0.4, 4)):
        events = Events()
        line = f"fire -s10 -f {strength} -I x -A {row.name} --trace"
        results(engine, job_for(line, model_at(tiny_model), sketch_64), events)
        assert traces(events)[-1] == f"trace: encodes={1 if strength == 0.7 else 0} decodes=1 denoiser_calls={taken}"


@pytest.mark.parametrize("name", ["k_heun", "k_dpm_2", "k_dpm_2_a", "dpmpp_sde", "plms"])
@pytest.mark.parametrize("steps", [2, 5])
def test_steps_of_higher_order_samplers_are_counted_once(
    engine: Engine, tiny_model: Path, name: str, steps: int
) -> None:
    events = Events()
    results(engine, job_for(f"a cat -s{steps} -A {name}", model_at(tiny_model)), events)
    assert [event.step for event in events if isinstance(event, Step)] == list(range(steps + 1))


@pytest.mark.feature("schedule-position")
def test_strength_0_5_starts_in_the_middle_of_the_schedule(
    engine: Engine, tiny_model: Path, sketch_64: Image.Image
) -> None:
    whole, half = Events(), Events()
    model = model_at(tiny_model)
    results(engine, job_for("a cat -s50 --trace", model), whole)
    results(engine, job_for("a cat -s50 -f.5 -I x --trace", model, sketch_64), half)
    schedule = next(text for text in traces(whole) if text.startswith("timesteps")).split()[1:]
    rest = next(text for text in traces(half) if text.startswith("timesteps")).split()[1:]
    assert rest == schedule[25:]
    assert traces(half)[-1].endswith("denoiser_calls=25")


@pytest.mark.feature("noise-scaled")
@pytest.mark.parametrize("name", ["ddim", "k_euler", "k_lms", "k_heun", "k_dpmpp_2", "unipc", "lcm"])
def test_the_start_is_the_init_image_with_noise_of_the_first_timestep(
    engine: DiffusersEngine, tiny_model: Path, sketch_64: Image.Image, name: str
) -> None:
    """The first latents equal add_noise(z0, eps, t), with z0 and eps sampled as in the stock pipeline."""
    import torch
    from safetensors.torch import load

    from invoke_cli.engine.counters import Counters
    from invoke_cli.engine.sampling.schedulers import build_scheduler

    model = model_at(tiny_model)
    job = job_for(f"fire -s10 -f.7 -S9 -I x -A {name} --save_latents", model, sketch_64)
    start = load(results(engine, job)[0].latents[0])["latents"]
    loaded = engine._loaded
    assert loaded is not None
    generator = torch.Generator().manual_seed(9)
    moments = engine._encoder.moments(loaded, sketch_64, Counters())
    mean, logvar = moments.chunk(2, dim=1)
    noise = torch.randn(mean.shape, generator=generator)
    clean = (mean + torch.exp(0.5 * logvar.clamp(-30, 20)) * noise) * loaded.pipeline.vae.config.scaling_factor
    eps = torch.randn(mean.shape, generator=generator)
    scheduler: Any = build_scheduler(job.plan.sampler, loaded.scheduler_config, job.plan.family, [9])
    scheduler.set_timesteps(10)
    begin = 3 * scheduler.order
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    expected = scheduler.add_noise(clean, eps, scheduler.timesteps[begin : begin + 1])
    assert torch.equal(start, expected)


@pytest.mark.feature("first-frame")
def test_a_higher_strength_starts_noisier_and_takes_more_steps(
    engine: Engine, tiny_model: Path, sketch_64: Image.Image
) -> None:
    variances = []
    for strength, count in ((0.4, 5), (0.7, 8)):
        job = job_for(f"fire -s10 -f {strength} -S9 -I x --strip", model_at(tiny_model), sketch_64)
        frames = results(engine, job)[0].frames
        assert len(frames) == count
        clean = np.asarray(sketch_64.resize(frames[0].size), dtype=float)
        variances.append(float(((np.asarray(frames[0], dtype=float) - clean) ** 2).mean()))
    assert variances[1] > variances[0]


@pytest.mark.feature("schedule-differs")
def test_schedules_of_29_and_30_steps_differ_at_every_step(engine: Engine, tiny_model: Path) -> None:
    schedules = []
    for steps in (29, 30):
        events = Events()
        results(engine, job_for(f"a cat -s{steps} -A k_dpmpp_2 --trace", model_at(tiny_model)), events)
        schedules.append(next(text for text in traces(events) if text.startswith("timesteps")).split()[1:])
    differing = [first != second for first, second in zip(*schedules, strict=False)]
    assert all(differing[:-1]), schedules


@pytest.mark.feature("strength-one")
def test_strength_1_takes_all_steps_and_depends_on_the_init_image(
    engine: Engine, tiny_model: Path, sketch_64: Image.Image
) -> None:
    events = Events()
    one = results(engine, job_for("fire -s10 -f1 -S9 -I x --trace", model_at(tiny_model), sketch_64), events)
    assert traces(events)[-1].endswith("denoiser_calls=10")
    other = results(engine, job_for("fire -s10 -f1 -S9 -I x", model_at(tiny_model), Image.new("RGB", (64, 64))))
    assert one[0].image.tobytes() != other[0].image.tobytes()


def test_the_fixed_k_lms_is_accurate_from_the_middle_of_a_schedule(engine: Engine, tiny_model: Path) -> None:
    """A linear probability-flow problem with a known solution: the fixed order keeps the error small."""
    import torch
    from diffusers import LMSDiscreteScheduler

    from invoke_cli.engine.sampling.schedulers import FixedLMSDiscreteScheduler

    errors = {}
    for cls in (LMSDiscreteScheduler, FixedLMSDiscreteScheduler):
        scheduler = cls(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
        scheduler.set_timesteps(20)
        scheduler.set_begin_index(5)
        sigma = scheduler.sigmas[5]
        x = torch.full((1,), float((1 + sigma**2) ** 0.5), dtype=torch.float64)
        for t in scheduler.timesteps[5:]:
            s = scheduler.sigmas[5 if scheduler.step_index is None else scheduler.step_index]
            scheduler.scale_model_input(x, t)
            x = scheduler.step(x * s / (1 + s**2), t, x).prev_sample  # data of unit variance: eps = x s / (1 + s^2)
        errors[cls] = abs(float(x) - 1.0)
    assert errors[FixedLMSDiscreteScheduler] < 0.02 < errors[LMSDiscreteScheduler]


def test_unsupported_numbers_of_steps_are_rejected(tiny_model: Path) -> None:
    for line in ("a cat -s60 -A lcm", "a cat -s1 -A plms"):
        with pytest.raises(PlanError, match="supports"):
            job_for(line, model_at(tiny_model))


def test_plms_uses_ddim_for_image_to_image(engine: Engine, tiny_model: Path, sketch_64: Image.Image) -> None:
    job = job_for("a cat -s5 -S1 -A plms -I x", model_at(tiny_model), sketch_64)
    assert job.plan.sampler is find_sampler("ddim")
    assert "ddim" in job.plan.notices[0]
    same = job_for("a cat -s5 -S1 -A ddim -I x", model_at(tiny_model), sketch_64)
    assert results(engine, job)[0].image.tobytes() == results(engine, same)[0].image.tobytes()
