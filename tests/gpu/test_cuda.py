"""What needs a CUDA device: the same picture as on the CPU, half precision, Ctrl-C, memory that comes back."""

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
        pytest.skip("there is no CUDA device")


def engine_on(device: str, precision: str) -> Engine:
    return open_engine(EngineSettings(device=device, precision=precision))


@pytest.fixture
def houses(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, SessionHarness]]:
    """The same session on the CPU, on CUDA, and on CUDA in half precision."""
    monkeypatch.chdir(tmp_path)
    made = {
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
    yield made
    for harness in made.values():
        harness.session.close()


def values(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), dtype=np.int16)


@pytest.mark.parametrize("sampler", ["ddim", "k_euler", "dpmpp_2m", "k_lms", "k_euler_a"])
@pytest.mark.parametrize("line", ["a cat -s6 -S1", "a cat -s8 -S2 -I sketch.png -f .6"])
def test_a_seed_is_the_same_picture_on_both_devices(houses: dict[str, SessionHarness], line: str, sampler: str) -> None:
    drawing().save("sketch.png")
    (one,) = houses["cpu"].draw(f"{line} -A {sampler}")
    (other,) = houses["cuda"].draw(f"{line} -A {sampler}")
    assert np.abs(values(one) - values(other)).max() <= 2


def test_a_session_in_half_precision(houses: dict[str, SessionHarness]) -> None:
    (picture,) = houses["half"].draw("a cat -s6 -S1")
    assert values(picture).std() > 0
    assert houses["half"].run("!verify @last") is Outcome.OK, houses["half"].messages


def test_ctrl_c_keeps_what_is_finished(houses: dict[str, SessionHarness]) -> None:
    harness = houses["cuda"]
    heard = harness.session.context.emit

    def stop_in_the_second_image(event: object) -> None:
        heard(event)  # type: ignore[arg-type]
        if isinstance(event, Step) and event.image == 2:
            harness.session.stop()

    harness.session.context.emit = stop_in_the_second_image
    assert harness.run("a cat -s6 -S1 -n3 --parallel 1") is Outcome.INTERRUPTED
    assert len(harness.saved) == 1


def test_memory_comes_back_after_a_switch(houses: dict[str, SessionHarness], tmp_path: Path) -> None:
    import torch

    harness = houses["cuda"]
    other = build_tiny_model(tmp_path / "other", seed=1)
    harness.draw("a cat -s2 -S1")
    gc.collect()
    before = torch.cuda.memory_allocated()
    harness.draw(f"a cat -s2 -S1 -m {other}")
    harness.draw("a cat -s2 -S1 -m tiny")
    gc.collect()
    assert torch.cuda.memory_allocated() <= before * 1.02
