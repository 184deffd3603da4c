"""Out-of-memory errors at each stage: fallbacks are tried and reported, and the next line works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.engine import TILING, Engine
from invoke_cli.engine.diffusers_engine import DiffusersEngine
from invoke_cli.engine.memory import is_out_of_memory
from invoke_cli.errors import OutOfMemory
from invoke_cli.events import Level, Notice
from tests.engine.jobs import Events, job_for, model_at
from tests.sample_images import drawing
from tests.session_harness import SessionHarness


class Shortage:
    """A function that runs out of memory in its first `times` calls."""

    def __init__(self, target: Callable[..., Any], times: int) -> None:
        self.target, self.times, self.calls = target, times, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        import torch

        self.calls += 1
        if self.calls <= self.times:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return self.target(*args, **kwargs)


@pytest.fixture
def engine(real_engine: Engine, tiny_model: Path) -> Iterator[DiffusersEngine]:
    assert isinstance(real_engine, DiffusersEngine)
    real_engine.load(model_at(tiny_model), Events().hooks())
    real_engine._conditioning.clear()
    real_engine._encoder.clear()
    yield real_engine
    real_engine.unload()


def part(engine: DiffusersEngine, name: str) -> Any:
    assert engine._loaded is not None
    return getattr(engine._loaded.pipeline, name)


def warnings(events: list[Any]) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice) and event.level is Level.WARNING]


STAGES = [
    ("text_encoder", "forward", "encoding the prompt", 1),
    ("vae", "encode", "encoding the init image", 1),
    ("unet", "forward", "denoising", 2),
    ("vae", "decode", "decoding", 2),
]


@pytest.mark.feature("out-of-memory")
@pytest.mark.parametrize(("component", "method", "stage", "fallbacks"), STAGES)
def test_each_stage_is_retried_with_fallbacks(
    engine: DiffusersEngine,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    component: str,
    method: str,
    stage: str,
    fallbacks: int,
) -> None:
    module = part(engine, component)
    shortage = Shortage(getattr(module, method), fallbacks)
    monkeypatch.setattr(module, method, shortage)
    events = Events()
    job = job_for("a cat -s3 -S1 -I x", model_at(tiny_model), drawing(64, 64))
    (result,) = engine.generate(job, events.hooks())
    reported = warnings(events)
    assert len(reported) == fallbacks and all(stage in text for text in reported)
    assert len(result.fallbacks) == fallbacks


@pytest.mark.feature("out-of-memory")
@pytest.mark.parametrize(("component", "method", "stage", "fallbacks"), STAGES)
def test_without_a_fallback_left_the_line_fails_and_the_next_one_works(
    real_session: SessionHarness,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    component: str,
    method: str,
    stage: str,
    fallbacks: int,
) -> None:
    engine = real_session.session.context.engine
    assert isinstance(engine, DiffusersEngine)
    engine.unload()
    drawing().save("sketch.png")
    (good,) = real_session.draw("a cat -s3 -S1 -I sketch.png")
    engine._conditioning.clear()
    engine._encoder.clear()
    module = part(engine, component)
    with monkeypatch.context() as patch:
        patch.setattr(module, method, Shortage(getattr(module, method), 10**6))
        assert real_session.run("a cat -s3 -S1 -I sketch.png") is Outcome.FAILED
    assert stage in real_session.errors[0] and "out of memory" in real_session.errors[0]
    (again,) = real_session.draw("a cat -s3 -S1 -I sketch.png")
    assert again.read_bytes() == good.read_bytes()
    engine.unload()


def test_a_failed_decode_does_not_denoise_again(
    engine: DiffusersEngine, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vae = part(engine, "vae")
    monkeypatch.setattr(vae, "decode", Shortage(vae.decode, 2))
    events = Events()
    list(engine.generate(job_for("a cat -s5 --trace", model_at(tiny_model)), events.hooks()))
    assert events.counters.summary() == "trace: encodes=0 decodes=1 denoiser_calls=5"


def test_a_batch_that_is_too_large_is_halved(
    engine: DiffusersEngine, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    unet = part(engine, "unet")
    forward = unet.forward

    def small_only(sample: Any, *args: Any, **kwargs: Any) -> Any:
        if len(sample) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(sample, *args, **kwargs)

    singles = [
        result.image.tobytes()
        for result in engine.generate(job_for("a cat -s3 -n4 -S1", model_at(tiny_model)), Events().hooks())
    ]
    monkeypatch.setattr(unet, "forward", small_only)
    events = Events()
    found = list(engine.generate(job_for("a cat -s3 -n4 -S1 --parallel 4", model_at(tiny_model)), events.hooks()))
    assert [result.image.tobytes() for result in found] == singles
    assert [result.batch.size for result in found] == [1, 1, 1, 1]
    assert sum("half as many" in text for text in warnings(events)) == 3


@pytest.mark.feature("large-sizes")
def test_tiled_decoding_is_recorded_and_verifies(
    real_session: SessionHarness, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = real_session.session.context.engine
    assert isinstance(engine, DiffusersEngine)
    real_session.draw("a cat -s2")
    vae = part(engine, "vae")
    with monkeypatch.context() as patch:
        patch.setattr(vae, "decode", Shortage(vae.decode, 2))
        (path,) = real_session.draw("a cat -s2 -S1 -W 256 -H 256")
    (plain,) = real_session.draw("a cat -s2 -S1 -W 256 -H 256")
    assert plain.read_bytes() != path.read_bytes()
    assert TILING.encode() in path.read_bytes()
    assert real_session.run(f"!verify {path}") is Outcome.OK, real_session.messages
    assert "identical" in real_session.messages


def test_errors_of_the_cpu_allocator_are_recognised() -> None:
    assert is_out_of_memory(
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate")
    )
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert OutOfMemory("x").exit_status == 1
