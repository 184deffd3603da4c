"""A picture can be seen while it grows: what previews show half way is close to what comes out, not noise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from invoke_cli.context.context import Streams
from invoke_cli.context.options import SessionOptions
from invoke_cli.engine import Engine
from invoke_cli.events import Step
from invoke_cli.session import Session
from tests.generation.test_previews import RecordingViewer
from tests.session_harness import SessionHarness

LINE = "a large red circle on a white background -S 3 -s 12"


@pytest.fixture
def harness(
    tmp_path: Path, tiny_model: Path, real_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SessionHarness]:
    """A session with the embedded model, somebody looking at every step."""
    monkeypatch.chdir(tmp_path)
    harness = SessionHarness(tmp_path, tiny_model, lambda _: real_engine)
    (tmp_path / "root" / "configs" / "models.yaml").unlink()
    options = SessionOptions(root=str(tmp_path / "root"))
    streams = Streams(viewer=RecordingViewer())
    harness.session = Session(options, emit=harness.events.append, opener=lambda _: real_engine, streams=streams)
    yield harness
    harness.session.context.writer.close()


def away(harness: SessionHarness, last: int) -> list[float]:
    """How far, of 255, the previews of the last steps are from the one after the very last step."""
    shown = [np.frombuffer(step.preview.rgb, np.uint8).astype(float) for step in harness.of(Step) if step.preview]
    return [float(np.abs(picture - shown[-1]).mean()) for picture in shown[-last:]]


@pytest.mark.parametrize("sampler", ["ddim", "k_lms", "k_euler_a", "k_dpmpp_2", "k_heun"])
def test_after_a_third_of_the_steps_the_picture_is_there(harness: SessionHarness, sampler: str) -> None:
    harness.draw(f"{LINE} -A {sampler}")
    seen = away(harness, 13)
    assert seen[0] > 60  # nothing but noise
    assert max(seen[4:]) < 16
    assert seen[4] > seen[8] > seen[11] > seen[12] == 0


def test_a_change_of_an_image_is_seen_after_its_first_steps(harness: SessionHarness) -> None:
    harness.draw(f"{LINE} -A ddim")
    harness.draw("a large blue circle on a white background -I @last -f .8 -S 4 -s 10 -A ddim")
    seen = away(harness, 9)
    assert seen[0] > 40 > 2 * seen[3]
