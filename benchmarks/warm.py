"""Measure the speed-up of a one-shot call by a running session: 8 steps with the embedded model, warm against cold.

    python benchmarks/warm.py [--runs 5] [--steps 8]

It measures whole processes, alternating; a session stays open on its own terminal, which the cold calls do not use
(--no_session). The ratio is that of the medians; the target is at least 3.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pexpect

AIM = 3.0


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as runtime:
        os.environ["XDG_RUNTIME_DIR"] = runtime
        times = _measured(Path(folder), options.runs, ["a red boat on the sea", "-S1", f"-s{options.steps}"])
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    for name, seconds in times.items():
        print(f"{name:5} median {medians[name]:6.2f} s  least {min(seconds):6.2f} s")
    ratio = medians["cold"] / medians["warm"]
    print(f"warm is {ratio:.1f} times sooner, aim {AIM:g}: {'reached' if ratio >= AIM else 'MISSED'}")


def _measured(folder: Path, runs: int, line: list[str]) -> dict[str, list[float]]:
    session = pexpect.spawn(sys.executable, ["-m", "invoke_cli"], cwd=folder, timeout=300)
    session.expect_exact("loaded ")
    reader = threading.Thread(target=_drain, args=[session], daemon=True)
    reader.start()
    times: dict[str, list[float]] = {"cold": [], "warm": []}
    for _ in range(runs):
        times["cold"].append(_seconds(folder, [*line, "--no_session"], warm=False))
        times["warm"].append(_seconds(folder, line, warm=True))
    session.close(force=True)
    return times


def _seconds(folder: Path, line: list[str], *, warm: bool) -> float:
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "invoke_cli", *line], cwd=folder, check=True, capture_output=True, text=True
    )
    if ("loaded" in done.stderr) is warm:
        raise SystemExit(f"the wrong engine was used:\n{done.stderr}")
    return time.perf_counter() - started


def _drain(session: pexpect.spawn) -> None:
    """Read the output of the session's terminal, so that it never blocks."""
    while session.isalive():
        try:
            session.read_nonblocking(65536, timeout=1)
        except pexpect.TIMEOUT:
            continue
        except (pexpect.EOF, ValueError, OSError):
            return


if __name__ == "__main__":
    main()
