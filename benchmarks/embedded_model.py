"""Measure the figures of the embedded model's card, as a table.

    python benchmarks/embedded_model.py [--quick] [--model FOLDER] [--sketch IMAGE] [--parts PART...] [--series N]

The prompts are combinations that training never saw; the checks are analytic: see
`training.evaluation.image_analysis`.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from training.earlier.export import load_pipeline
from training.earlier.recipe import HELD_OUT_SEED
from training.evaluation.examination import examination, generate_answers, scores
from training.evaluation.media_classifier import pixels_of
from training.evaluation.metrics import (
    STRENGTHS,
    autoencoded,
    autoencoder_quality,
    difference,
    distances,
    filled_hole,
    landscapes,
    mean_presence,
    sketch_quality,
    spread_of_place,
    trained_classifier,
)
from training.evaluation.sheets import SheetOptions
from training.rendering.image_pool import Pool
from training.rendering.mixes import WIDE
from training.rendering.render import render

MODEL = Path(__file__).parent.parent / "invoke_cli" / "assets" / "sketchbook"
PARTS = ("weights", "autoencoder", "adherence", "sizes", "seeds", "holes", "redrawing")
SIZES = ((64, 64), (128, 128), (192, 192), (384, 384), (512, 512), (384, 256), (256, 384))
TARGETS = {
    "colour": 0.95,
    "shape": 0.80,
    "pair": 0.60,
    "left and right": 0.70,
    "above and below": 0.70,
    "time of day": 0.95,
    "medium": 0.80,
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table; `floor` is its target, as printed."""

    what: str
    value: str
    target: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a quarter of the images")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--sketch", type=Path, help="a drawing of a fire to start from")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS), help="what to measure")
    parser.add_argument("--series", type=int, default=1, help="the number of images per prompt for adherence")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    share = 0.25 if options.quick else 1.0
    started = time.perf_counter()
    pipeline = load_pipeline(options.model)
    loading = time.perf_counter() - started
    print("| what | measured | floor |\n| --- | --- | --- |")
    for row in _rows(pipeline, options, share, loading):
        print(f"| {row.what} | {row.value} | {row.target} |", flush=True)
    return 0


def _rows(
    pipeline: StableDiffusionPipeline, options: argparse.Namespace, share: float, loading: float
) -> Iterator[Row]:
    sketch = Image.open(options.sketch) if options.sketch else None
    rows = {
        "weights": lambda: _weights_and_times(pipeline, options.model, loading),
        "autoencoder": lambda: _autoencoder(pipeline, sketch, share),
        "adherence": lambda: _adherence(pipeline, share, options.series),
        "sizes": lambda: _sizes(pipeline, share),
        "seeds": lambda: _over_seeds(pipeline, share),
        "holes": lambda: _holes(pipeline, share),
        "redrawing": lambda: _redrawing(pipeline, sketch, share) if sketch else iter(()),
    }
    for part in options.parts:
        yield from rows[part]()


def _weights_and_times(pipeline: StableDiffusionPipeline, folder: Path, loading: float) -> Iterator[Row]:
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.suffix == ".safetensors")
    yield Row(what="weights", value=f"{size / 1e6:.1f} MB", target="at most 20 MB")
    yield Row(what="loading", value=f"{loading:.2f} s", target="under 1 s")
    pipeline("warm up", num_inference_steps=1)
    started = time.perf_counter()
    pipeline("a red circle", num_inference_steps=20, guidance_scale=5.0)
    yield Row(what="20 steps at 256 x 256", value=f"{time.perf_counter() - started:.2f} s", target="at most 4 s")


def _autoencoder(pipeline: StableDiffusionPipeline, sketch: Image.Image | None, share: float) -> Iterator[Row]:
    figures = autoencoder_quality(pipeline, Pool(mix=WIDE, count=round(96 * share), seed=HELD_OUT_SEED))
    yield Row(what="autoencoder, mean", value=f"{np.mean(figures):.1f} dB", target="30 dB")
    yield Row(what="autoencoder, worst", value=f"{min(figures):.1f} dB", target="22 dB")
    for side in (256, 384) if sketch else ():
        value = sketch_quality(pipeline, sketch, side) if sketch else 0.0
        yield Row(what=f"autoencoder, the sketch at {side}", value=f"{value:.1f} dB", target="22 dB")


def _adherence(pipeline: StableDiffusionPipeline, share: float, series: int) -> Iterator[Row]:
    questions, classifier = examination(share), trained_classifier(pipeline, round(120 * share))
    true = [pixels_of(render(question.scene)) for question in questions.all()]
    passed = [autoencoded(pipeline, render(question.scene)) for question in questions.all()]
    columns = {
        "true pictures": scores(questions, true, classifier),
        "autoencoded": scores(questions, passed, classifier),
    }
    for guidance in (1.0, 3.0, 5.0, 7.5):
        manner = SheetOptions(guidance=guidance)
        generated = [generate_answers(pipeline, questions.all(), manner, number) for number in range(series)]
        columns[f"guidance {guidance:g}"] = _means([scores(questions, images, classifier) for images in generated])
    for name in columns["true pictures"]:
        value = ", ".join(f"{column}: {figures.get(name, 0.0):.0%}" for column, figures in columns.items())
        yield Row(what=name, value=value, target=f"{TARGETS[name]:.0%}" if name in TARGETS else "")
    means = {g: float(np.mean(list(columns[f"guidance {g:g}"].values()))) for g in (1.0, 3.0, 5.0)}
    yield Row(what="mean of all these at guidance 1, 3, 5", value=_rise(means), target="rising")


def _means(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in figures for name in row)
    return {name: float(np.mean([row[name] for row in figures if name in row])) for name in names}


def _rise(means: Mapping[float, float]) -> str:
    """Format the means by guidance, whether they rise, and the difference between the first and the last."""
    values = list(means.values())
    rising = "rising" if values == sorted(values) else "NOT rising step by step"
    figures = ", ".join(f"{mean:.1%}" for mean in values)
    return f"{figures} ({rising}; {100 * (values[-1] - values[0]):+.1f} points from first to last)"


def _sizes(pipeline: StableDiffusionPipeline, share: float) -> Iterator[Row]:
    some, classifier = examination(share * 0.25), trained_classifier(pipeline, 16)
    for width, height in SIZES:
        generated = generate_answers(pipeline, some.all(), SheetOptions(width=width, height=height))
        figures = scores(some, generated, classifier)
        value = ", ".join(f"{name} {figures.get(name, 0.0):.0%}" for name in ("colour", "shape", "pair", "time of day"))
        yield Row(what=f"at {width} x {height}", value=value)


def _over_seeds(pipeline: StableDiffusionPipeline, share: float) -> Iterator[Row]:
    seeds = round(40 * share)
    views = landscapes(pipeline, seeds)
    yield Row(what="difference between two landscapes", value=f"{difference(views):.0f} of 255")
    for name in ("trees", "snow", "red"):
        before, after = mean_presence(name, views), mean_presence(name, landscapes(pipeline, seeds, name))
        yield Row(what=f'"a landscape" with [{name}]', value=f"{before:.3f} to {after:.3f}", target="less")
    yield Row(what="spread of a circle's place", value=f"{spread_of_place(pipeline, seeds):.3f} of the side")


def _holes(pipeline: StableDiffusionPipeline, share: float) -> Iterator[Row]:
    red, around = filled_hole(pipeline, range(round(16 * share)))
    yield Row(what="holes filled with the circle asked for", value=f"{red:.0%}; around it {around:.1f} of 255 changed")


def _redrawing(pipeline: StableDiffusionPipeline, sketch: Image.Image, share: float) -> Iterator[Row]:
    for prompt in ("fire", "a fireplace, oil painting"):
        figures = distances(pipeline, prompt, sketch, range(round(8 * share)))
        rising = "rising" if figures == sorted(figures) else "NOT rising"
        value = ", ".join(f"{s:g}: {d:.0f}" for s, d in zip(STRENGTHS, figures, strict=True))
        yield Row(
            what=f'"{prompt}" from the sketch, distance by strength', value=f"{value} ({rising})", target="rising"
        )


if __name__ == "__main__":
    raise SystemExit(main())
