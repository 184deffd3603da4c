"""Measure the cost of images in the terminal: previews and the finished image, as a share of the time of a line.

    python benchmarks/preview.py [--model NAME] [--images 5] [--runs 5] [--steps 20]

The terminal is a pseudo-terminal of 120 x 40 cells that another process reads. For each kind of graphics this prints
the number of previews per image, the share that the program itself measures (mapping, encoding, writing), and the
median ratio of alternating runs with and without. The target is a share of at most 0.03.
"""

from __future__ import annotations

import argparse
import os
import pty
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from invoke_cli.console.console import Console, ConsoleStyle
from invoke_cli.console.image_viewer import RENDERERS, ImageViewer
from invoke_cli.console.rate_limiter import MAX_SHARE
from invoke_cli.console.terminal import Answers, Window
from invoke_cli.context.context import Streams
from invoke_cli.events import Event, Step
from invoke_cli.session import Session

PROMPT = "a red house on a green hill, sunset"
WINDOW = Window(columns=120, rows=40, width=1200, height=800)
ENVIRONMENT = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


class Counting:
    """A console that counts the previews."""

    def __init__(self, terminal: TextIO, viewer: ImageViewer) -> None:
        self.console = Console(terminal, terminal, ConsoleStyle(colour=True, progress=True), viewer)
        self.previews = 0

    def __call__(self, event: Event) -> None:
        self.previews += isinstance(event, Step) and event.preview is not None
        self.console(event)


def main() -> None:
    """Measure and print a row for each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="")
    parser.add_argument("--images", type=int, default=5)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    line = f'"{PROMPT}" -s {options.steps} -n {options.images} -S 1'
    line += f" -m {options.model}" if options.model else ""
    with tempfile.TemporaryDirectory() as folder, pseudo_terminal() as terminal:
        os.chdir(folder)
        shares = [measure(kind, line, options.images, options.runs, terminal) for kind in RENDERERS]
    print(f"\nlargest share {max(shares):.4f}, aim {MAX_SHARE}: {'reached' if max(shares) <= MAX_SHARE else 'MISSED'}")


def measure(kind: str, line: str, images: int, runs: int, terminal: TextIO) -> float:
    """Print the row of a kind. Return the measured share."""
    viewer = ImageViewer(lambda _: Answers(), lambda: WINDOW, environment=ENVIRONMENT)
    console = Counting(terminal, viewer)
    ratios: list[float] = []
    total = 0.0
    with Session(emit=console, streams=Streams(viewer=viewer)) as session:
        session.draw(f"{line} --preview {kind}")
        viewer.rate_limiter.spent, console.previews = 0.0, 0
        for run in range(runs):
            seconds: dict[str, float] = {}
            for preview in ("off", kind) if run % 2 else (kind, "off"):
                started = time.perf_counter()
                session.draw(f"{line} --preview {preview}")
                seconds[preview] = time.perf_counter() - started
            total += seconds[kind]
            ratios.append(seconds[kind] / seconds["off"])
    share, previews = viewer.rate_limiter.spent / total, console.previews / runs / images
    print(f"{kind:8} {previews:5.1f} previews an image  share {share:.4f}  ratio {statistics.median(ratios):.4f}")
    return share


@contextmanager
def pseudo_terminal() -> Iterator[TextIO]:
    """Open a pseudo-terminal that another process reads."""
    far, near = pty.openpty()
    with subprocess.Popen(["cat"], stdin=far, stdout=subprocess.DEVNULL) as reader:
        with os.fdopen(near, "w", encoding="utf-8") as terminal:
            yield terminal
        os.close(far)
        reader.kill()


if __name__ == "__main__":
    main()
