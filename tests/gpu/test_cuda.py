"""Tests on a CUDA device: equality with the CPU, half precision, Ctrl-C, and returned memory."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invoke_cli.context.options import SessionOptions
from invoke_cli.context.outcome import Outcome
from invoke_cli.engine import Engine, EngineSettings, open_engine
from invoke_cli.events import Step
from tests.sample_images import drawing
from tests.session_harness import SessionHarness
from tests.tiny_models import build_tiny_model

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def _cuda() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")


def engine_on(device: str, precision: str) -> Engine:
    return open_engine(EngineSettings(device=device, precision=precision))


@pytest.fixture
def sessions(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, SessionHarness]]:
    """The same session on the CPU, on CUDA, and on CUDA in half precision."""
    monkeypatch.chdir(tmp_path)
    sessions_by_device = {
        name: SessionHarness(
            tmp_path,
            tiny_model,
            lambda _, device=device, precision=precision: engine_on(device, precision),  # type: ignore[misc]
            SessionOptions(root=str(tmp_path / "root")),
        )
        for name, device, precision in (
            ("cpu", "cpu", "float32"),
            ("cuda", "cuda", "float32"),
            ("half", "cuda", "float16"),
        )
    }
    yield sessions_by_device
    for harness in sessions_by_device.values():
        harness.session.close()


def values(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), dtype=np.int16)


@pytest.mark.parametrize("sampler", ["ddim", "k_euler", "dpmpp_2m", "k_lms", "k_euler_a"])
@pytest.mark.parametrize("line", ["a cat -s6 -S1", "a cat -s8 -S2 -I sketch.png -f .6"])
def test_one_device_a_seed_gives_the_same_image_on_cpu_and_gpu(
    sessions: dict[str, SessionHarness], line: str, sampler: str
) -> None:
    drawing().save("sketch.png")
    (one,) = sessions["cpu"].draw(f"{line} -A {sampler}")
    (other,) = sessions["cuda"].draw(f"{line} -A {sampler}")
    assert np.abs(values(one) - values(other)).max() <= 2


@pytest.mark.feature("half-precision")
def test_half_precision_generates_and_verifies(sessions: dict[str, SessionHarness]) -> None:
    (path,) = sessions["half"].draw("a cat -s6 -S1")
    assert values(path).std() > 0
    assert sessions["half"].run("!verify @last") is Outcome.OK, sessions["half"].messages


def test_ctrl_c_keeps_finished_images(sessions: dict[str, SessionHarness]) -> None:
    harness = sessions["cuda"]
    emit = harness.session.context.emit

    def stop_in_the_second_image(event: object) -> None:
        emit(event)  # type: ignore[arg-type]
        if isinstance(event, Step) and event.image == 2:
            harness.session.stop()

    harness.session.context.emit = stop_in_the_second_image
    assert harness.run("a cat -s6 -S1 -n3 --parallel 1") is Outcome.INTERRUPTED
    assert len(harness.saved) == 1


def test_memory_is_returned_after_switching_models(sessions: dict[str, SessionHarness], tmp_path: Path) -> None:
    import torch

    harness = sessions["cuda"]
    other = build_tiny_model(tmp_path / "other", seed=1)
    harness.draw("a cat -s2 -S1")
    gc.collect()
    before = torch.cuda.memory_allocated()
    harness.draw(f"a cat -s2 -S1 -m {other}")
    harness.draw("a cat -s2 -S1 -m tiny")
    gc.collect()
    assert torch.cuda.memory_allocated() <= before * 1.02
