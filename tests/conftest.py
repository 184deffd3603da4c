"""Fixtures that all rings share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

from invoke_cli.engine import Engine, EngineSettings, open_engine
from tests.fake import FakeEngine
from tests.frontends.program import Program
from tests.session_harness import SessionHarness
from tests.tiny import build_tiny_model

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the models are tiny: a second thread costs more than it gives
# Nothing is timed: how long an example takes says what else the machine does.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random Stable Diffusion."""
    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_inpainting_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random model of nine input channels."""
    return build_tiny_model(tmp_path_factory.mktemp("models") / "painter", channels=9)


@pytest.fixture(scope="session")
def real_engine() -> Engine:
    """The engine on diffusers, on the CPU; one for all tests, since importing takes seconds."""
    return open_engine(EngineSettings(device="cpu"))


@pytest.fixture
def fake_engine() -> FakeEngine:
    """A fresh engine without torch."""
    return FakeEngine(EngineSettings())


@pytest.fixture
def fake_session(
    tmp_path: Path, tiny_model: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SessionHarness]:
    """A session on the fake engine, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    harness = SessionHarness(tmp_path, tiny_model, lambda _: fake_engine)
    yield harness
    harness.session.close()


@pytest.fixture
def real_session(
    tmp_path: Path, tiny_model: Path, real_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SessionHarness]:
    """A session on the real engine with a tiny random model, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    harness = SessionHarness(tmp_path, tiny_model, lambda _: real_engine)
    yield harness
    harness.session.context.writer.close()


@pytest.fixture(params=["fake", "real"])
def harness(request: pytest.FixtureRequest) -> SessionHarness:
    """The same session on both engines."""
    chosen = request.getfixturevalue(f"{request.param}_session")
    assert isinstance(chosen, SessionHarness)
    return chosen


@pytest.fixture
def program(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """The program as a shell starts it, on a fake engine, in a folder of its own."""
    return Program(tmp_path, tiny_model, monkeypatch)


@pytest.fixture
def sketch(tmp_path: Path) -> Path:
    """A drawing of 96 x 64 pixels, sketch.png, in the working directory."""
    path = tmp_path / "sketch.png"
    drawing().save(path)
    return path


def drawing(width: int = 96, height: int = 64) -> Image.Image:
    """A soft pattern of colours."""
    noise = np.random.default_rng(0).integers(0, 255, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def disc(width: int, height: int, share: float = 0.3) -> Image.Image:
    """A white disc on black."""
    y, x = np.mgrid[:height, :width]
    inside = (x - width / 2) ** 2 + (y - height / 2) ** 2 < share * min(width, height) ** 2
    return Image.fromarray(np.where(inside, np.uint8(255), np.uint8(0)))
