"""Measure how soon a typed key is displayed while the engine starts, against a bare prompt_toolkit session.

    python benchmarks/keystrokes.py [--seconds 15] [--runs 3]

Both programs run in a pseudo-terminal of 80 columns. A key is typed every 50 ms from the first prompt on, and the time
until its echo arrives is measured. Runs alternate. The aims: a median of at most twice that of the bare session, and a
99th percentile of at most 50 ms above its own.
"""

from __future__ import annotations

import argparse
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fcntl import ioctl

BARE = "from prompt_toolkit import PromptSession; PromptSession('invoke> ').prompt()"
PROGRAMS = {"bare": ["-c", BARE], "invoke": ["-m", "invoke_cli"]}
KEYS = "abcdefghijklmnopqrstuvwxyz"
PAUSE = 0.05


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    found: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(options.runs):
        for name, arguments in PROGRAMS.items():
            found[name] += measure(arguments, options.seconds)
    for name, latencies in found.items():
        print(f"{name:8} {len(latencies):5} keys  {_described(latencies)}")
    medians = {name: statistics.median(latencies) for name, latencies in found.items()}
    tail = percentile(found["invoke"], 0.99) - percentile(found["bare"], 0.99)
    ratio = medians["invoke"] / medians["bare"]
    print(f"\nmedian ratio {ratio:.2f} (aim 2), 99th percentile {tail * 1000:+.0f} ms (aim 50)")


def measure(arguments: Sequence[str], seconds: float) -> list[float]:
    """Type into a program for some seconds; return the latencies of the keys in seconds."""
    latencies: list[float] = []
    with tempfile.TemporaryDirectory() as folder, in_terminal(arguments, folder) as terminal:
        _read_until(terminal, b"invoke>", 60.0)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            key = KEYS[len(latencies) % len(KEYS)]
            _drain(terminal)
            began = time.perf_counter()
            os.write(terminal, key.encode())
            _read_until(terminal, key.encode(), 60.0)
            latencies.append(time.perf_counter() - began)
            if len(latencies) % 40 == 0:
                os.write(terminal, b"\x15")  # Ctrl-U: begin the line again
            time.sleep(PAUSE)
    return latencies


@contextmanager
def in_terminal(arguments: Sequence[str], folder: str) -> Iterator[int]:
    """Run Python in a pseudo-terminal of 80 columns."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "INVOKE_ROOT": folder, "PROMPT_TOOLKIT_NO_CPR": "1"}
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _described(latencies: Sequence[float]) -> str:
    points = {
        "median": statistics.median(latencies),
        "90 %": percentile(latencies, 0.9),
        "99 %": percentile(latencies, 0.99),
        "worst": max(latencies),
    }
    return "  ".join(f"{name} {value * 1000:6.1f} ms" for name, value in points.items())


def _read_until(terminal: int, wanted: bytes, seconds: float) -> None:
    """Read until the output contains these bytes."""
    output, end = b"", time.monotonic() + seconds
    while wanted not in output:
        if not select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0]:
            raise SystemExit(f"no {wanted!r} within {seconds} s: {output[-200:]!r}")
        output += os.read(terminal, 65536)


def _drain(terminal: int) -> None:
    while select.select([terminal], [], [], 0)[0]:
        os.read(terminal, 65536)


if __name__ == "__main__":
    main()
