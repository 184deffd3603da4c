"""Standard streams that cannot be written: progress is dropped, a lost result is an error."""

from __future__ import annotations

import subprocess
import sys
from io import TextIOWrapper
from pathlib import Path

import pytest

from invoke_cli.console.standard_streams import BestEffortStream

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")


def run(line: str, tmp_path: Path, *, full: str) -> int:
    """Run the program with one of its streams on a full device; return the exit status."""
    with FULL.open("w", encoding="utf-8") as device:
        out, err = (device if full == name else subprocess.DEVNULL for name in ("stdout", "stderr"))
        command = [sys.executable, "-m", "invoke_cli", "--root", str(tmp_path / "root"), line]
        return subprocess.run(
            command, cwd=tmp_path, check=False, stdin=subprocess.DEVNULL, stdout=out, stderr=err
        ).returncode


def test_progress_that_cannot_be_written_changes_no_exit_status(tmp_path: Path) -> None:
    assert run("!models", tmp_path, full="stderr") == 0
    assert run("a cat --nonsense", tmp_path, full="stderr") == 2


def test_results_that_cannot_be_written_are_an_error(tmp_path: Path) -> None:
    assert run("!models", tmp_path, full="stdout") == 1


def test_a_best_effort_stream_drops_what_fails_and_continues() -> None:
    binary = FULL.open("wb", buffering=0)
    stream = BestEffortStream(binary, "utf-8", write_through=True)
    assert isinstance(stream, TextIOWrapper)
    for _ in range(3):
        assert stream.write("step 1") == 6
        stream.flush()
    stream.close()
