"""Measure memory and time of `-U 2` on large images, each in its process: python -m benchmarks.enlarging [WxH …]."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

SIZES = ("1000x750", "2000x1500", "4000x3000")
LIMIT = 4_000_000_000

PROGRAM = """
import resource, sys, time
from invoke_cli.session import Session
started = time.perf_counter()
with Session() as session:
    outcome = session.run(f"!fix {sys.argv[1]} -U 2 -s 4 -S 1 --new_prompt 'sea, sunset'")
assert outcome.value == "ok", outcome
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, time.perf_counter() - started)
"""


def measured(folder: Path, width: int, height: int) -> tuple[int, float]:
    """Return the peak memory in bytes and the seconds for doubling an image of this size."""
    noise = np.random.default_rng(0).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    image = folder / f"{width}.png"
    Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).save(image)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, image.name],
        cwd=folder, env={"PYTHONPATH": str(Path(__file__).parent.parent), "PATH": "", "HOME": str(folder)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    memory, seconds = done.stdout.split()
    return int(memory), float(seconds)


def main(sizes: list[str]) -> int:
    """Measure each size. Return 1 if one exceeds the limit."""
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes or SIZES:
            width, height = (int(side) for side in re.findall(r"\d+", size)[:2])
            memory, seconds = measured(Path(folder), width, height)
            worst = max(worst, memory)
            print(f"{size} to {2 * width}x{2 * height}: {memory / 1e9:.2f} GB at most, {seconds:.0f} s", flush=True)
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
