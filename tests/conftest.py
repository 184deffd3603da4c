"""Fixtures that all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from invoke_cli.engine import Engine, EngineSettings, open_engine
from tests.fake_engine import FakeEngine
from tests.families.builders import Folder, build
from tests.frontends.program import Program
from tests.sample_images import drawing
from tests.session_harness import SessionHarness
from tests.tiny_models import build_tiny_model

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the models are tiny: a second thread costs more than it saves
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the program sets it when it starts
# No deadlines: the duration of an example depends on the load of the machine.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random Stable Diffusion."""
    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_inpainting_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random inpainting model (nine input channels)."""
    return build_tiny_model(tmp_path_factory.mktemp("models") / "inpainting", channels=9)


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A function from the name of a kind to the folder of its tiny model, which is built at the first call."""
    root = tmp_path_factory.mktemp("families")

    def folder(name: str) -> Path:
        path = root / name
        return path if path.is_dir() else build(name, path)

    return folder


@pytest.fixture(scope="session")
def real_engine() -> Engine:
    """The diffusers engine on the CPU; one for all tests, since importing it takes seconds."""
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
