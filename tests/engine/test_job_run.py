"""Runs of the engine: denoiser calls, batches, caches, interruption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from invoke_cli.engine import Engine, ImageResult
from invoke_cli.engine.diffusers_engine import DiffusersEngine
from invoke_cli.errors import Interrupted
from invoke_cli.events import Step
from tests.engine.jobs import Events, job_for, model_at, results, traces


def arrays(images: list[ImageResult]) -> list[np.ndarray[Any, np.dtype[np.int16]]]:
    return [np.asarray(result.image, dtype=np.int16) for result in images]


@pytest.mark.feature("steps")
def test_10_steps_make_10_denoiser_calls(engine: Engine, tiny_model: Path) -> None:
    events = Events()
    results(engine, job_for("a cat -s10 -A k_euler --trace", model_at(tiny_model)), events)
    assert traces(events)[-1] == "trace: encodes=0 decodes=1 denoiser_calls=10"


@pytest.mark.feature("guidance")
@pytest.mark.parametrize(("guidance", "batch"), [("7.5", 2), ("1.1", 2), ("1", 1), ("0.1", 1), ("0", 1)])
def test_guidance_of_1_or_less_skips_the_negative_prompt(
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


@pytest.mark.feature("parallel")
def test_batches_of_two_share_denoiser_calls(engine: DiffusersEngine, tiny_model: Path) -> None:
    events = Events()
    job = job_for("a cat -s3 -n4 --parallel 2 --trace", model_at(tiny_model))
    found = results(engine, job, events)
    assert [(result.batch.size, result.batch.index) for result in found] == [(2, 0), (2, 1)] * 2
    assert traces(events)[-1] == "trace: encodes=0 decodes=4 denoiser_calls=6"
    assert {event.batch for event in events if isinstance(event, Step)} == {2}


@pytest.mark.feature("count")
@pytest.mark.parametrize("line", ["a cat -s4 -n4 -S 42 -A {}", "a cat -s6 -n4 -S 42 -A {} -I x -f .7"])
@pytest.mark.parametrize("sampler", ["ddim", "k_lms", "k_euler_a", "dpmpp_sde"])
def test_exactness_image_k_of_a_batch_equals_the_single_run(
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


@pytest.mark.feature("negative-prompt")
def test_no_negative_prompt_equals_an_empty_one(engine: Engine, tiny_model: Path) -> None:
    without = results(engine, job_for("a cat -s2 -S1", model_at(tiny_model)))
    empty = results(engine, job_for('a cat -s2 -S1 --neg ""', model_at(tiny_model)))
    assert without[0].image.tobytes() == empty[0].image.tobytes()


@pytest.mark.feature("img2img-stages")
def test_the_trace_lists_each_stage_once(engine: Engine, tiny_model: Path, sketch_64: Image.Image) -> None:
    events = Events()
    results(engine, job_for("fire -s10 -f.7 -I x --trace", model_at(tiny_model), sketch_64), events)
    lines = [text for text in traces(events) if not text.startswith(("text encode", "timesteps", "trace:"))]
    assert lines[0] == "encode 64x64"
    assert lines[1] == "add_noise at timestep 601"
    assert [text.split(" at ")[0] for text in lines[2:-1]] == [f"step {index}" for index in range(1, 8)]
    assert lines[-1] == "decode"


@pytest.mark.feature("embeddings-cache")
def test_a_repeated_prompt_and_image_are_not_encoded_again(
    engine: Engine, tiny_model: Path, sketch_64: Image.Image
) -> None:
    first, second = Events(), Events()
    for events in (first, second):
        results(engine, job_for("fire [smoke] -s4 -S1..3 -I x --trace", model_at(tiny_model), sketch_64), events)
    assert traces(first)[-1].startswith("trace: encodes=1 decodes=3")
    assert traces(second)[-1].startswith("trace: encodes=0 decodes=3")
    assert sum(text.startswith("text encode") for text in traces(first)) == 2
    assert not any(text.startswith("text encode") for text in traces(second))


def test_a_stop_ends_after_the_step_and_leaves_no_state(engine: Engine, tiny_model: Path) -> None:
    model = model_at(tiny_model)
    before = results(engine, job_for("a cat -s6 -S4", model))[0].image
    events = Events()
    events.stop_after = 3
    with pytest.raises(Interrupted):
        results(engine, job_for("a cat -s50 -S5", model), events)
    assert max(event.step for event in events if isinstance(event, Step)) < 8
    assert results(engine, job_for("a cat -s6 -S4", model))[0].image.tobytes() == before.tobytes()
