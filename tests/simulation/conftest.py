"""Sessions on the processor and on the simulated accelerator, with the same model."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from invoke_cli.context.options import SessionOptions
from invoke_cli.engine import Engine, EngineSettings, open_engine
from tests.sample_images import drawing
from tests.session_harness import SessionHarness
from tests.simulation.device import NAME, simulated


@pytest.fixture(scope="session")
def sim_engine() -> Engine:
    """The diffusers engine on the simulated accelerator, in float32."""
    with simulated():
        return open_engine(EngineSettings(device=NAME, precision="float32"))


@pytest.fixture
def accelerator(sim_engine: Engine) -> Iterator[Engine]:
    """The engine while the accelerator works in this thread, with counters at zero."""
    gc.collect()
    with simulated():
        yield sim_engine


@pytest.fixture
def both(
    tmp_path: Path, tiny_model: Path, real_engine: Engine, accelerator: Engine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[SessionHarness, SessionHarness]]:
    """A session on the processor and one on the accelerator, each with its own outputs and a sketch."""
    sessions = []
    for name, engine in (("cpu", real_engine), (NAME, accelerator)):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        drawing().save("sketch.png")
        options = SessionOptions(root=str(folder / "root"))
        sessions.append(SessionHarness(folder, tiny_model, lambda _, engine=engine: engine, options))  # type: ignore[misc]
    yield sessions[0], sessions[1]
    for harness in sessions:
        harness.session.context.writer.close()
