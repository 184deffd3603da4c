"""What the program costs over a plain diffusers script: `session.draw` against the stock call and `image.save`.

    python benchmarks/overhead.py [--model NAME] [--images 20] [--runs 5] [--steps 20]

Same model, arguments, process and threads; metadata, log and history included on our side. Runs alternate, and each
pair of runs gives a ratio, since a machine's pace drifts; the result is their median. The aim is at most 1.03.
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

from invoke_cli import Session

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
            ours, stock = _contestants(session, options.model, options.steps)
            _check_same(ours, stock)
            ratio = _race(ours, stock, options.images, options.runs)
    print(f"\nmedian ratio {ratio:.4f}, aim {AIM}: {'reached' if ratio <= AIM else 'MISSED'}")


def _contestants(session: Session, model: str, steps: int) -> tuple[Callable[[int], Path], Callable[[int], Path]]:
    """Two ways to make the picture of a seed as a file, by this program and by a script of one's own."""
    facts = session.context.settings.model(model or None).facts
    pipeline = StableDiffusionPipeline.from_pretrained(facts.folder, dtype=torch.float32, local_files_only=True)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    wanted = f" -m {model}" if model else ""

    def ours(seed: int) -> Path:
        (image,) = session.draw(f'"{PROMPT}" -s {steps} -C 5 -S {seed} -A ddim{wanted}')
        return image.path

    def stock(seed: int) -> Path:
        generator = torch.Generator("cpu").manual_seed(seed)
        result = pipeline(PROMPT, num_inference_steps=steps, guidance_scale=5.0, generator=generator)
        path = Path(f"stock-{seed}.png")
        result.images[0].save(path)
        return path

    return ours, stock


def _check_same(ours: Callable[[int], Path], stock: Callable[[int], Path]) -> None:
    """Both warm up, and must have made the same picture: else the comparison means nothing."""
    from PIL import Image, ImageChops

    with Image.open(ours(1)) as first, Image.open(stock(1)) as second:
        if ImageChops.difference(first.convert("RGB"), second.convert("RGB")).getbbox() is not None:
            raise SystemExit("the two pictures differ")


def _race(ours: Callable[[int], Path], stock: Callable[[int], Path], images: int, runs: int) -> float:
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
