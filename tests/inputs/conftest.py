"""A session with control models, each network built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.families.jobs import mask
from tests.inputs.control_models import enter
from tests.sample_images import drawing, square
from tests.session_harness import SessionHarness
from tests.tiny_controls import build_controlnet


@pytest.fixture(scope="session")
def networks(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ControlNet for canny and one for depth."""
    folder = tmp_path_factory.mktemp("nets")
    build_controlnet(folder / "canny", tiny_model, 1)
    build_controlnet(folder / "depth", tiny_model, 2)
    return folder


@pytest.fixture
def control_session(real_session: SessionHarness, networks: Path) -> SessionHarness:
    """A session with both, and the images square.png, depth.png, init.png and mask.png."""
    enter(real_session, edges=networks / "canny:canny", deep=networks / "depth:depth")
    square().save("square.png")
    drawing(64, 64).save("depth.png")
    drawing(64, 64).rotate(90).save("init.png")
    mask().save("mask.png")
    return real_session
