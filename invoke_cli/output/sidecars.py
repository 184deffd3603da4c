"""What stands beside an image: the strip, the stages' pictures, the steps as pictures and as latents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from invoke_cli.engine import ImageResult
from invoke_cli.imaging.sheets.grids import enlarged, strip
from invoke_cli.output.files import write_whole
from invoke_cli.output.png import encode_png
from invoke_cli.planning.plan import OutputPlan

NOISE_KEYWORD = "noise"  # in the picture of a step: how much noise is in its latents


def write_beside(path: Path, inner: Path, results: Sequence[ImageResult], output: OutputPlan) -> Iterator[Path]:
    """Write what `output` wants of the stages' results beside the image at `path`, the steps in the folder `inner`;
    yields each file and folder once it is there. OutputError when the disk refuses.
    """
    earlier = results[:-1]
    if output.strip and any(result.frames for result in results):
        strip_path = path.with_name(f"{path.stem}.steps.png")
        write_whole(strip_path, encode_png(_strip(results), {}))
        yield strip_path
    if output.save_all:
        for stage, result in enumerate(earlier, start=1):
            stage_path = path.with_name(f"{path.stem}.stage-{stage}.png")
            write_whole(stage_path, encode_png(result.image, {}))
            yield stage_path
    for stage, result in enumerate(results, start=1):
        _write_steps(result, inner / f"stage-{stage}" if earlier else inner, output)
    if output.save_intermediates or output.save_latents:
        yield inner


def _strip(results: Sequence[ImageResult]) -> Image.Image:
    """All frames of all stages in a row, the finished picture at the end."""
    frames: list[Image.Image] = []
    labels: list[str] = []
    for number, result in enumerate(results, start=1):
        stage = f"stage {number}, " if len(results) > 1 else ""
        frames += result.frames
        first, count = result.first_step, len(result.frames)
        labels += [f"{stage}{f'after step {first}' if first else 'start'}"] if count else []
        labels += [f"{stage}step {first + place} of {first + count - 1}" for place in range(1, count)]
    return strip(frames, labels, results[-1].image)


def _write_steps(result: ImageResult, folder: Path, output: OutputPlan) -> None:
    frames = result.frames
    if output.save_intermediates:
        for index in every(output.save_intermediates, len(frames)):
            said = {NOISE_KEYWORD: f"{result.noise[index]:.6g}"} if index < len(result.noise) else {}
            data = encode_png(enlarged(frames[index]), said)
            write_whole(folder / f"step-{result.first_step + index:02d}.png", data, durable=False)
    for index, latents in enumerate(result.latents, start=result.first_step):
        write_whole(folder / f"step-{index:02d}.safetensors", latents, durable=False)


def every(interval: int, count: int) -> list[int]:
    """Every `interval`-th of `count` places, with the first and the last."""
    return sorted({*range(0, count, interval), count - 1}) if count else []
