"""The guarantee "Crash safety": a session that ends before any call that changes a file damages and loses nothing.

A preloaded library ends the process before its nth call of write, fsync, rename, unlink and so on, those of SQLite
included. By default points at equal distances are tried; with INVOKE_CRASH_POINTS=all, all of them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
POINTS = 1_000_000 if os.environ.get("INVOKE_CRASH_POINTS") == "all" else 20
LINES = {
    "images": "a hill -s2 -S7 -n2",
    "chain": "a hill -s2 -S7 --strip | oil -f .5 -s2 --save_all",
    "sweep": "!sweep a cow -S1,2 -s2",
    "no-metadata": "a hill -s2 -S7 --no_metadata",
    "init-image": "a hill -s2 -S7 -I 1 -f .5 --save_intermediates",
    "fix": "!fix 1 -U2",
    "zip": "!save session kept --zip",
    "rm": "!rm 1 3",
    "rate": "!rate 1 5",
    "reindex": "!reindex",
    "edit-model": "!edit_model tiny description other",
}


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that ends a process before a call."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("shim") / "crash.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, TESTS / "crash_shim.c", "-ldl"], check=True)
    return library


@pytest.mark.slow
@pytest.mark.feature("crash-safety")
@pytest.mark.parametrize("kind", LINES)
def test_crash_safety_at_every_call_that_changes_a_file(
    shim: Path, tmp_path: Path, tiny_model: Path, kind: str
) -> None:
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "tests.crash_points",
        tmp_path,
        tiny_model,
        LINES[kind],
        str(POINTS),
    ]
    environment = {**os.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": str(TESTS.parent)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout.splitlines()[-1])
    print(f"{LINES[kind]}: {report['points']} of {report['calls']} crash points")  # noqa: T201
    assert report["points"] > 0
    assert report["faults"] == {}
