"""`!verify` regenerates an image with the number of threads that it was made with, in processes with another number."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from invoke_cli.metadata.containers.text_chunks import read_chunks


def invoke(folder: Path, threads: int, lines: str) -> str:
    """Run lines in a process with a number of threads, on the bundled model; return its output."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "INVOKE_ROOT": str(folder / "root")}
    words = [sys.executable, "-m", "invoke_cli"]
    process = subprocess.run(
        words, cwd=folder, env=environment, input=lines, capture_output=True, text=True, timeout=600
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.mark.slow
def test_verification_is_identical_whatever_the_number_of_threads(tmp_path: Path) -> None:
    line = "a red boat on the sea -s4 -S5 -W128 -H128"
    invoke(tmp_path, 1, line)
    first = f"-I outputs/000001.5.png -f .5 -S6\n{line}\n!verify outputs/000001.5.png\n"
    assert "outputs/000001.5.png: identical" in invoke(tmp_path, 2, first)
    threads = [json.loads(read_chunks(tmp_path / "outputs" / name)["sd-metadata"])["environment"]["threads"]
               for name in ("000001.5.png", "000002.6.png", "000003.5.png")]  # fmt: skip
    assert threads == [1, 2, 2]
    said = invoke(tmp_path, 1, "!verify outputs/000002.6.png outputs/000003.5.png outputs/000001.5.png\n")
    assert said.count(": identical") == 3
