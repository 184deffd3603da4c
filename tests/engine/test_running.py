"""What the engine does and how often: traces, batches, caches, stops (features.md B and C)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from invoke_cli.engine import Engine, ImageResult, Job
from invoke_cli.engine.diffusers_engine import DiffusersEngine
from invoke_cli.errors import Interrupted, PlanError
from invoke_cli.events import Step, Trace
from invoke_cli.models.samplers import SAMPLERS, find_sampler, sampler_names
from tests.conftest import drawing
from tests.engine.jobs import Events, job_for, model_at


@pytest.fixture
def engine(real_engine: Engine) -> DiffusersEngine:
    assert isinstance(real_engine, DiffusersEngine)
    real_engine._conditioning.clear()
    real_engine._encoder.clear()
    return real_engine


@pytest.fixture
def sketch_64() -> Image.Image:
    return drawing(64, 64)


def results(engine: Engine, job: Job, events: Events | None = None) -> list[ImageResult]:
    return list(engine.generate(job, (events if events is not None else Events()).hooks()))


def traces(events: Events) -> list[str]:
    """What was told, and the line that a trace ends with."""
    return [*(event.text for event in events if isinstance(event, Trace)), events.tally.summary()]


def arrays(images: list[ImageResult]) -> list[np.ndarray[Any, np.dtype[np.int16]]]:
    return [np.asarray(result.image, dtype=np.int16) for result in images]


def test_b2_exactly_as_many_denoiser_calls_as_steps(engine: Engine, tiny_model: Path) -> None:
    events = Events()
    results(engine, job_for("a cat -s10 -A k_euler --trace", model_at(tiny_model)), events)
    assert traces(events)[-1] == "trace: encodes=0 decodes=1 denoiser_calls=10"


@pytest.mark.parametrize(("guidance", "batch"), [("7.5", 2), ("1.1", 2), ("1", 1), ("0.1", 1), ("0", 1)])
def test_b3_guidance_of_one_or_less_skips_the_second_prompt(
    engine: DiffusersEngine, tiny_model: Path, guidance: str, batch: int
) -> None:
    engine.load(model_at(tiny_model), Events().hooks())
    assert engine._loaded is not None
    sizes: list[int] = []
    hook = engine._loaded.pipeline.unet.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    try:
        results(engine, job_for(f"a cat -s2 -C {guidance}", model_at(tiny_model)))
    finally:
        hook.remove()
    assert set(sizes) == {batch}


def test_b5_batches_of_two(engine: DiffusersEngine, tiny_model: Path) -> None:
    events = Events()
    job = job_for("a cat -s3 -n4 --parallel 2 --trace", model_at(tiny_model))
    found = results(engine, job, events)
    assert [(result.batch.size, result.batch.index) for result in found] == [(2, 0), (2, 1)] * 2
    assert traces(events)[-1] == "trace: encodes=0 decodes=4 denoiser_calls=6"
    assert {event.batch for event in events if isinstance(event, Step)} == {2}


@pytest.mark.parametrize("line", ["a cat -s4 -n4 -S 42 -A {}", "a cat -s6 -n4 -S 42 -A {} -I x -f .7"])
@pytest.mark.parametrize("sampler", ["ddim", "k_lms", "k_euler_a", "dpmpp_sde"])
def test_b5_law_4_image_k_of_a_batch_is_the_single_run(
    engine: Engine, tiny_model: Path, sketch_64: Image.Image, line: str, sampler: str
) -> None:
    init = sketch_64 if "-I" in line else None
    model = model_at(tiny_model)
    singles = arrays(results(engine, job_for(line.format(sampler), model, init)))
    unbatched = arrays(results(engine, job_for(f"{line.format(sampler)} --parallel 1", model, init)))
    batched = arrays(results(engine, job_for(f"{line.format(sampler)} --parallel 4", model, init)))
    for single, same, close in zip(singles, unbatched, batched, strict=True):
        assert np.array_equal(single, same)
        assert np.abs(single - close).max() <= 1


def test_b6_no_negative_prompt_is_the_empty_one(engine: Engine, tiny_model: Path) -> None:
    unsaid = results(engine, job_for("a cat -s2 -S1", model_at(tiny_model)))
    empty = results(engine, job_for('a cat -s2 -S1 --neg ""', model_at(tiny_model)))
    assert unsaid[0].image.tobytes() == empty[0].image.tobytes()


@pytest.mark.parametrize("name", sampler_names())
def test_b13_every_sampler_works_with_and_without_an_init_image(
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
def test_c1_first_order_samplers_call_once_a_step(
    engine: Engine, tiny_model: Path, sketch_64: Image.Image, row: Any
) -> None:
    for strength, taken in ((0.7, 7), (0.4, 4)):
        events = Events()
        line = f"fire -s10 -f {strength} -I x -A {row.name} --trace"
        results(engine, job_for(line, model_at(tiny_model), sketch_64), events)
        assert traces(events)[-1] == f"trace: encodes={1 if strength == 0.7 else 0} decodes=1 denoiser_calls={taken}"


@pytest.mark.parametrize("name", ["k_heun", "k_dpm_2", "k_dpm_2_a", "dpmpp_sde", "plms"])
@pytest.mark.parametrize("steps", [2, 5])
def test_c1_steps_are_counted_as_steps_whatever_they_cost(
    engine: Engine, tiny_model: Path, name: str, steps: int
) -> None:
    events = Events()
    results(engine, job_for(f"a cat -s{steps} -A {name}", model_at(tiny_model)), events)
    assert [event.step for event in events if isinstance(event, Step)] == list(range(steps + 1))


def test_c2_half_strength_starts_in_the_middle_of_the_schedule(
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


def test_c6_the_trace_tells_each_stage_once(engine: Engine, tiny_model: Path, sketch_64: Image.Image) -> None:
    events = Events()
    results(engine, job_for("fire -s10 -f.7 -I x --trace", model_at(tiny_model), sketch_64), events)
    told = [text for text in traces(events) if not text.startswith(("text encode", "timesteps", "trace:"))]
    assert told[0] == "encode 64x64"
    assert told[1] == "add_noise at timestep 601"
    assert [text.split(" at ")[0] for text in told[2:-1]] == [f"step {index}" for index in range(1, 8)]
    assert told[-1] == "decode"


@pytest.mark.parametrize("name", ["ddim", "k_euler", "k_lms", "k_heun", "k_dpmpp_2", "unipc", "lcm"])
def test_c7_the_start_is_the_init_image_with_just_the_right_noise(
    engine: DiffusersEngine, tiny_model: Path, sketch_64: Image.Image, name: str
) -> None:
    """The first latents equal add_noise(z0, eps, t), with z0 and eps drawn as the stock pipeline draws them."""
    import torch
    from safetensors.torch import load

    from invoke_cli.engine.schedulers import build_scheduler
    from invoke_cli.engine.tracing import Tally

    model = model_at(tiny_model)
    job = job_for(f"fire -s10 -f.7 -S9 -I x -A {name} --save_latents", model, sketch_64)
    start = load(results(engine, job)[0].latents[0])["latents"]
    loaded = engine._loaded
    assert loaded is not None
    generator = torch.Generator().manual_seed(9)
    moments = engine._encoder.moments(loaded, sketch_64, Tally())
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


def test_c8_k3_a_higher_strength_starts_fuzzier_and_takes_longer(
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


def test_c10_29_and_30_steps_have_no_timestep_in_common(engine: Engine, tiny_model: Path) -> None:
    schedules = []
    for steps in (29, 30):
        events = Events()
        results(engine, job_for(f"a cat -s{steps} -A k_dpmpp_2 --trace", model_at(tiny_model)), events)
        schedules.append(next(text for text in traces(events) if text.startswith("timesteps")).split()[1:])
    differing = [first != second for first, second in zip(*schedules, strict=False)]
    assert all(differing[:-1]), schedules


def test_c4_full_strength_takes_all_steps_and_keeps_a_trace_of_the_image(
    engine: Engine, tiny_model: Path, sketch_64: Image.Image
) -> None:
    events = Events()
    one = results(engine, job_for("fire -s10 -f1 -S9 -I x --trace", model_at(tiny_model), sketch_64), events)
    assert traces(events)[-1].endswith("denoiser_calls=10")
    other = results(engine, job_for("fire -s10 -f1 -S9 -I x", model_at(tiny_model), Image.new("RGB", (64, 64))))
    assert one[0].image.tobytes() != other[0].image.tobytes()


def test_a_repeated_prompt_and_image_cost_no_encoding(engine: Engine, tiny_model: Path, sketch_64: Image.Image) -> None:
    first, second = Events(), Events()
    for events in (first, second):
        results(engine, job_for("fire [smoke] -s4 -S1..3 -I x --trace", model_at(tiny_model), sketch_64), events)
    assert traces(first)[-1].startswith("trace: encodes=1 decodes=3")
    assert traces(second)[-1].startswith("trace: encodes=0 decodes=3")
    assert sum(text.startswith("text encode") for text in traces(first)) == 2
    assert not any(text.startswith("text encode") for text in traces(second))


def test_a_stop_ends_after_the_step_and_harms_nothing(engine: Engine, tiny_model: Path) -> None:
    model = model_at(tiny_model)
    before = results(engine, job_for("a cat -s6 -S4", model))[0].image
    events = Events()
    events.stop_after = 3
    with pytest.raises(Interrupted):
        results(engine, job_for("a cat -s50 -S5", model), events)
    assert max(event.step for event in events if isinstance(event, Step)) < 8
    assert results(engine, job_for("a cat -s6 -S4", model))[0].image.tobytes() == before.tobytes()


def test_k_lms_is_mended_with_an_init_image_and_stock_without(engine: Engine, tiny_model: Path) -> None:
    """A linear probability-flow problem with a known solution: the mended order keeps the error small."""
    import torch
    from diffusers import LMSDiscreteScheduler

    from invoke_cli.engine.schedulers import MendedLMSDiscreteScheduler

    errors = {}
    for cls in (LMSDiscreteScheduler, MendedLMSDiscreteScheduler):
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
    assert errors[MendedLMSDiscreteScheduler] < 0.02 < errors[LMSDiscreteScheduler]


def test_samplers_that_need_more_or_fewer_steps_say_so(tiny_model: Path) -> None:
    for line in ("a cat -s60 -A lcm", "a cat -s1 -A plms"):
        with pytest.raises(PlanError, match="works with"):
            job_for(line, model_at(tiny_model))


def test_plms_hands_an_init_image_to_ddim(engine: Engine, tiny_model: Path, sketch_64: Image.Image) -> None:
    job = job_for("a cat -s5 -S1 -A plms -I x", model_at(tiny_model), sketch_64)
    assert job.plan.sampler is find_sampler("ddim")
    assert "ddim" in job.plan.notices[0]
    same = job_for("a cat -s5 -S1 -A ddim -I x", model_at(tiny_model), sketch_64)
    assert results(engine, job)[0].image.tobytes() == results(engine, same)[0].image.tobytes()
