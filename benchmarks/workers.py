"""Measure workers: the lines of a file with two of them, against one worker and against a plain diffusers script.

    python -m benchmarks.workers [--lines 40] [--steps 20] [--runs 3]

Every contestant is a process of its own that imports its libraries, loads the bundled model and generates the same
lines with two threads in all, which sleep while they wait (OMP_WAIT_POLICY=PASSIVE). They alternate, and each run
gives a ratio, since the speed of a machine drifts; the results are the medians. Also: the time to the first image, and
what the driver itself needs for an image (with engines that need no time).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

AIM_STOCK, AIM_ONE, AIM_OVERHEAD = 0.60, 0.58, 15.0
THREADS = 2  # in all
PROMPT = "a red house on a green hill, sunset"
OVERHEAD_LINES = 100
Seconds = tuple[float, float]  # to the first image, and in all


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--stock", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stock:
        _stock_script(options.lines, options.steps)
        return
    with tempfile.TemporaryDirectory() as folder:
        times = _measured(Path(folder), options.lines, options.steps, options.runs)
        _report(times)
    with tempfile.TemporaryDirectory() as folder:
        milliseconds = _overhead(Path(folder))
        print(f"the driver needs {milliseconds:.1f} ms an image, {_verdict(milliseconds, AIM_OVERHEAD)}")


def _measured(folder: Path, lines: int, steps: int, runs: int) -> Mapping[str, Sequence[Seconds]]:
    source = folder / "lines.txt"
    line = f'"{PROMPT}" -s {steps} -C 5 -A ddim -S '
    source.write_text("".join(f"{line}{seed}\n" for seed in range(lines)), encoding="utf-8")
    program = [sys.executable, "-m", "invoke_cli", "--from_file", str(source)]
    stock = [sys.executable, "-m", "benchmarks.workers", "--stock", "--lines", str(lines), "--steps", str(steps)]
    contestants = {
        "stock": stock,
        "one": [*program, "--workers", "1", "--threads", str(THREADS)],
        "two": [*program, "--workers", "2", "--threads", str(THREADS // 2)],
    }
    times: dict[str, list[Seconds]] = {name: [] for name in contestants}
    print(f"{lines} images of {steps} steps a run, {THREADS} threads in all, {os.cpu_count()} cores")
    for run in range(runs):
        # The order changes from run to run: whoever goes later finds other caches.
        for name in sorted(contestants, reverse=bool(run % 2)):
            own = folder / f"{name}-{run}"
            own.mkdir()
            times[name].append(_seconds(contestants[name], own))
        latest = ", ".join(f"{name} {times[name][-1][1]:.1f} s" for name in contestants)
        print(f"run {run + 1}: {latest}", flush=True)
    return times


def _seconds(command: Sequence[str], folder: Path) -> Seconds:
    """Run a contestant; return the time to its first line of output, which names an image, and to its end."""
    path = os.pathsep.join([str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
    environment.pop("OMP_NUM_THREADS", None)
    began = time.perf_counter()
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        first = time.perf_counter() - began
        process.stdout.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return first, time.perf_counter() - began


def _stock_script(lines: int, steps: int) -> None:
    """Generate the lines as a plain script would."""
    import torch
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    torch.set_num_threads(THREADS)
    folder = Path(__file__).resolve().parent.parent / "invoke_cli" / "assets" / "sketchbook"
    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    for seed in range(lines):
        generator = torch.Generator("cpu").manual_seed(seed)
        result = pipeline(PROMPT, num_inference_steps=steps, guidance_scale=5.0, generator=generator)
        result.images[0].save(f"{seed}.png")
        print(f"{seed}.png", flush=True)


def _report(times: Mapping[str, Sequence[Seconds]]) -> None:
    firsts = {name: statistics.median(first for first, _ in seconds) for name, seconds in times.items()}
    print("first image after " + ", ".join(f"{first:.1f} s ({name})" for name, first in firsts.items()))
    for other, aim in (("stock", AIM_STOCK), ("one", AIM_ONE)):
        ratio = statistics.median(two / one for (_, two), (_, one) in zip(times["two"], times[other], strict=True))
        print(f"two workers take {ratio:.3f} of the time of {other}, {_verdict(ratio, aim)}")


def _overhead(folder: Path) -> float:
    """Return the milliseconds that an image takes when the engines need no time."""
    from tests.workers.farm import Farm, some

    os.chdir(folder)
    farm = Farm(folder, Path(__file__).resolve().parent.parent / "invoke_cli" / "assets" / "sketchbook")
    lines = [f"{PROMPT} -s 1 -S {seed}" for seed in range(OVERHEAD_LINES)]
    farm.run("warm", lines[:10], some(2))
    began = time.perf_counter()
    farm.run("measured", lines, some(2))
    return (time.perf_counter() - began) / OVERHEAD_LINES * 1000


def _verdict(found: float, aim: float) -> str:
    return f"aim {aim:g}: {'reached' if found <= aim else 'MISSED'}"


if __name__ == "__main__":
    main()
