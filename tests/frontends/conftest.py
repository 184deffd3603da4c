"""Open sessions beside the program under test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from invoke_cli.context.options import SessionOptions
from invoke_cli.engine import Engine
from tests.frontends.open_session import OpenSession, SessionOpener


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime directory whose name is short enough for sockets."""
    folder = Path(tempfile.mkdtemp())
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def open_session(runtime: Path) -> Iterator[SessionOpener]:
    """A function that opens sessions, which are closed after the test."""
    opened: list[OpenSession] = []

    def open_one(engine: Engine, options: SessionOptions | None = None) -> OpenSession:
        opened.append(OpenSession(engine, options))
        return opened[-1]

    yield open_one
    for session in opened:
        session.close()
