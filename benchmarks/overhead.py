"""Measure the overhead over a plain diffusers script: `session.draw` against the stock call and `image.save`.

    python benchmarks/overhead.py [--model NAME] [--images 20] [--runs 5] [--steps 20]

Model, arguments, process and threads are the same; metadata, log and history are included on our side. Runs alternate,
and each pair of runs gives a ratio, since the speed of a machine drifts; the result is their median. The target is at
most 1.03.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

from invoke_cli.session import Session

AIM = 1.03
PROMPT = "a red house on a green hill, sunset"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with Session() as session:
            ours, stock = _candidates(session, options.model, options.steps)
            _check_same(ours, stock)
            ratio = _compare(ours, stock, options.images, options.runs)
    print(f"\nmedian ratio {ratio:.4f}, aim {AIM}: {'reached' if ratio <= AIM else 'MISSED'}")


def _candidates(session: Session, model: str, steps: int) -> tuple[Callable[[int], Path], Callable[[int], Path]]:
    """Return two functions that save the image of a seed: with this program and with a plain script."""
    facts = session.context.settings.model(model or None).facts
    pipeline = StableDiffusionPipeline.from_pretrained(facts.folder, dtype=torch.float32, local_files_only=True)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    model_switch = f" -m {model}" if model else ""

    def ours(seed: int) -> Path:
        (image,) = session.draw(f'"{PROMPT}" -s {steps} -C 5 -S {seed} -A ddim{model_switch}')
        return image.path

    def stock(seed: int) -> Path:
        generator = torch.Generator("cpu").manual_seed(seed)
        result = pipeline(PROMPT, num_inference_steps=steps, guidance_scale=5.0, generator=generator)
        path = Path(f"stock-{seed}.png")
        result.images[0].save(path)
        return path

    return ours, stock


def _check_same(ours: Callable[[int], Path], stock: Callable[[int], Path]) -> None:
    """Warm up both and check that their images are identical; otherwise the comparison is meaningless."""
    from PIL import Image, ImageChops

    with Image.open(ours(1)) as first, Image.open(stock(1)) as second:
        if ImageChops.difference(first.convert("RGB"), second.convert("RGB")).getbbox() is not None:
            raise SystemExit("the two images differ")


def _compare(ours: Callable[[int], Path], stock: Callable[[int], Path], images: int, runs: int) -> float:
    times: dict[str, list[float]] = {"ours": [], "stock": []}
    contestants = {"ours": ours, "stock": stock}
    print(f"{images} images a run, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for run in range(runs):
        # Whoever goes second finds other caches: the order changes from run to run.
        for name in ("ours", "stock") if run % 2 else ("stock", "ours"):
            started = time.perf_counter()
            for seed in range(images):
                contestants[name](seed)
            times[name].append(time.perf_counter() - started)
        print(f"run {run + 1}: ours {times['ours'][-1]:.2f} s, stock {times['stock'][-1]:.2f} s")
    return statistics.median(one / other for one, other in zip(times["ours"], times["stock"], strict=True))


if __name__ == "__main__":
    main()
