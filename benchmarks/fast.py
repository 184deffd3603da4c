"""Measure the speed-ups of `--fast` on this processor: time as a ratio, and how much the image changes.

    OMP_NUM_THREADS=2 python benchmarks/fast.py [--model NAME] [--runs 5] [--size 256] [--steps 20]

Runs alternate, and the first of each is not counted. The ratio is the median of plain time / time of the same round.
Differences are in levels of 255, of the finished image from that without speed-ups.
"""

from __future__ import annotations

import argparse
import os
import statistics

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np

from invoke_cli import Result, Session

NAMES = ("none", "channels_last", "bfloat16", "bfloat16,channels_last")
PROMPT = "a red house on a green hill, sunset"


def main() -> None:
    """Measure and print a row for each speed-up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="sketchbook")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    with Session(outdir=None, model=options.model, width=options.size, height=options.size) as session:
        rounds = [
            {name: session.generate(PROMPT, seed=1, steps=options.steps, fast=name).first() for name in NAMES}
            for _ in range(options.runs + 1)
        ][1:]
    for name in NAMES:
        ratio = statistics.median(each["none"].seconds / each[name].seconds for each in rounds)
        mean, most = difference(rounds[0]["none"], rounds[0][name])
        print(f"{name:24} {ratio:5.2f} times as fast   mean difference {mean:5.2f}   greatest {most:3.0f}")


def difference(one: Result, other: Result) -> tuple[float, float]:
    """Return the mean and the greatest difference of two images."""
    distances = np.abs(np.asarray(one.image, np.int16) - np.asarray(other.image, np.int16))
    return float(distances.mean()), float(distances.max())


if __name__ == "__main__":
    main()
