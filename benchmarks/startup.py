"""Measure the startup: `invoke --help` and the first prompt against `python -c "import torch"`.

    python benchmarks/startup.py [--runs 7]

It measures whole processes, alternating; the ratio is that of the medians. The target for the help is at most 0.1.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import pexpect

AIM = 0.1


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    baseline = 'python -c "import torch"'
    contestants: dict[str, Callable[[], float]] = {
        baseline: lambda: _process("-c", "import torch"),
        "invoke --help": lambda: _process("-m", "invoke_cli", "--help"),
        "invoke, the first prompt": _first_prompt,
    }
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(runs):
        for name, contestant in contestants.items():
            times[name].append(contestant())
    base = statistics.median(times[baseline])
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name:28} median {median:6.3f} s  least {min(seconds):6.3f} s  ratio {median / base:.3f}")
    ratio = statistics.median(times["invoke --help"]) / base
    print(f"help: {ratio:.3f} of the baseline, aim {AIM}: {'reached' if ratio <= AIM else 'MISSED'}")


def _process(*words: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _first_prompt() -> float:
    """Return the seconds until `invoke>` appears on a terminal."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        child = pexpect.spawn(sys.executable, ["-m", "invoke_cli"], cwd=folder, timeout=60)
        child.expect_exact("invoke>")
        seconds = time.perf_counter() - started
        child.close(force=True)
    return seconds


if __name__ == "__main__":
    main()
