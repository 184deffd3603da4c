"""Runs of the program in this process, as from a shell: words in; streams, files and the exit status out."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.plain_text import PlainTextOutput

from invoke_cli import session
from invoke_cli.cli import run
from tests.fake_engine import FakeEngine


@contextmanager
def keys() -> Iterator[tuple[PipeInput, io.StringIO]]:
    """Yield a terminal whose keys come from a pipe and whose screen is text."""
    screen = io.StringIO()
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=PlainTextOutput(screen)):
        yield pipe, screen


@dataclass(frozen=True, kw_only=True)
class Result:
    """The exit status and the output of the program."""

    status: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of standard output."""
        return self.out.decode().splitlines()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON events of standard output."""
        return [json.loads(line) for line in self.lines]


class Program:
    """The program in `folder`, on a fake engine, with one model called `tiny`."""

    def __init__(self, folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self.engine: FakeEngine | None = None
        configs = folder / "root" / "configs"
        configs.mkdir(parents=True)
        (configs / "models.yaml").write_text(f"tiny:\n  path: {model}\n  default: true\n", encoding="utf-8")
        monkeypatch.chdir(folder)
        monkeypatch.setenv("INVOKE_ROOT", str(folder / "root"))
        monkeypatch.setattr(session, "open_engine", self._open)
        monkeypatch.setattr(session, "open_process_engine", lambda settings, *_: self._open(settings))

    def _open(self, settings: Any) -> FakeEngine:
        self.engine = FakeEngine(settings)
        return self.engine

    def __call__(self, *words: str, stdin: bytes = b"", stdout: io.BytesIO | None = None) -> Result:
        captured = io.BytesIO()
        out = io.TextIOWrapper(stdout or captured, encoding="utf-8", write_through=True)
        err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        with self._monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            status = run(words)
        return Result(status=int(status), out=captured.getvalue(), err=err.buffer.getvalue().decode())

    @property
    def images(self) -> list[Path]:
        """The numbered images in outputs, in order."""
        return sorted((self.folder / "outputs").glob("*.png"))
