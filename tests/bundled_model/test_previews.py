"""Previews of the bundled model resemble the result halfway, and are not noise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
    """A session with the bundled model and a viewer of every step."""
    monkeypatch.chdir(tmp_path)
    harness = SessionHarness(tmp_path, tiny_model, lambda _: real_engine)
    (tmp_path / "root" / "configs" / "models.yaml").unlink()
    options = SessionOptions(root=str(tmp_path / "root"))
    streams = Streams(viewer=RecordingViewer())
    harness.session = Session(options, emit=harness.events.append, opener=lambda _: real_engine, streams=streams)
    yield harness
    harness.session.context.writer.close()


def distances(harness: SessionHarness, last: int) -> list[float]:
    """Return the mean differences, of 255, of the last steps' previews from the very last one."""
    shown = [np.frombuffer(step.preview.rgb, np.uint8).astype(float) for step in harness.of(Step) if step.preview]
    return [float(np.abs(preview - shown[-1]).mean()) for preview in shown[-last:]]


@pytest.mark.parametrize("sampler", ["ddim", "k_lms", "k_euler_a", "k_dpmpp_2", "k_heun"])
def test_previews_resemble_the_result_after_a_third_of_the_steps(harness: SessionHarness, sampler: str) -> None:
    harness.draw(f"{LINE} -A {sampler}")
    found = distances(harness, 13)
    assert found[0] > 60  # noise
    assert max(found[4:]) < 16
    assert found[4] > found[8] > found[11] > found[12] == 0


def test_previews_of_image_to_image_resemble_the_result_after_3_steps(harness: SessionHarness) -> None:
    harness.draw(f"{LINE} -A ddim")
    harness.draw("a large blue circle on a white background -I @last -f .8 -S 4 -s 10 -A ddim")
    found = distances(harness, 9)
    assert found[0] > 40 > 2 * found[3]


@pytest.mark.feature("preview-fast")
@pytest.mark.parametrize("prompt", ["a large red circle on a white background", "a house by a lake at night"])
def test_the_last_preview_has_the_colours_of_the_result(harness: SessionHarness, prompt: str) -> None:
    (path,) = harness.draw(f"{prompt} -S 3 -s 8")
    shown = [step.preview for step in harness.of(Step) if step.preview is not None][-1]
    preview = np.frombuffer(shown.rgb, np.uint8).reshape(shown.height, shown.width, 3).astype(float)
    with Image.open(path) as image:
        reduced = np.asarray(
            image.convert("RGB").resize((shown.width, shown.height), Image.Resampling.BOX), dtype=float
        )
    assert np.abs(preview - reduced).mean() < 12
    assert abs((preview - reduced)[..., 1].mean()) < 5, "green"
