"""The guarantee "Crash safety": sessions that are killed at random moments damage, lose and double nothing."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.families.exporting import export

ROOT = Path(__file__).parents[2]
SEED = os.environ.get("INVOKE_KILL_SEED")


@pytest.mark.slow
@pytest.mark.feature("crash-safety")
@pytest.mark.parametrize(("kind", "count"), [("fake", 200), ("real", 40)])
def test_crash_safety_of_killed_sessions(tmp_path: Path, tiny_model: Path, kind: str, count: int) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    seed = int(SEED) if SEED else random.randrange(10**6)
    export(tiny_model, tmp_path / "one.safetensors")
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "tests.kill_moments",
        tmp_path,
        tiny_model,
        kind,
        str(count),
        str(seed),
    ]
    result = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, (seed, result.stderr)
    report = json.loads(result.stdout.splitlines()[-1])
    print(f"{kind} engine: {report['kills']} kills, {report['images']} images, INVOKE_KILL_SEED={seed}")  # noqa: T201
    assert report["kills"] == count
    assert report["faults"] == {}, f"INVOKE_KILL_SEED={seed}"
    assert "internal" not in result.stderr
