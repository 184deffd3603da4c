"""Files beside an image: the strip of steps, the images of the stages, the steps as images and as latents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from invoke_cli.engine import ImageResult
from invoke_cli.imaging.sheets.grids import enlarged, strip
from invoke_cli.output.files import output_errors, write_atomically
from invoke_cli.output.png import encode_png
from invoke_cli.planning.plan import OutputPlan

NOISE_KEYWORD = "noise"  # text chunk of a step's image: the amount of noise in its latents


def write_sidecars(
    path: Path, steps_folder: Path, results: Sequence[ImageResult], output: OutputPlan
) -> Iterator[Path]:
    """Write the files that `output` requests beside an image.

    Args:
        path: The image.
        steps_folder: The folder for steps.
        results: The results of all stages.
        output: The output settings.

    Yields:
        Each file or folder, once it is written.

    Raises:
        OutputError: A file cannot be written.
    """
    earlier = results[:-1]
    if output.strip and any(result.frames for result in results):
        strip_path = path.with_name(f"{path.stem}.steps.png")
        write_atomically(strip_path, encode_png(_strip(results), {}))
        yield strip_path
    if output.save_all:
        for stage, result in enumerate(earlier, start=1):
            stage_path = path.with_name(f"{path.stem}.stage-{stage}.png")
            write_atomically(stage_path, encode_png(result.image, {}))
            yield stage_path
    largest = max(max(result.image.size) for result in results)
    for stage, result in enumerate(results, start=1):
        _write_steps(result, steps_folder / f"stage-{stage}" if earlier else steps_folder, output, largest)
    if output.save_intermediates or output.save_latents:
        yield steps_folder


def remove_steps(folder: Path) -> None:
    """Remove the steps of an image that was replaced, so that those of two runs do not mix."""
    with output_errors(folder):
        for suffix in (".png", ".safetensors"):
            for file in (*folder.glob(f"step-*{suffix}"), *folder.glob(f"stage-*/step-*{suffix}")):
                file.unlink()


def _strip(results: Sequence[ImageResult]) -> Image.Image:
    """Return all frames of all stages in a row, followed by the finished image."""
    frames: list[Image.Image] = []
    labels: list[str] = []
    for number, result in enumerate(results, start=1):
        stage = f"stage {number}, " if len(results) > 1 else ""
        frames += result.frames
        first, count = result.first_step, len(result.frames)
        labels += [f"{stage}{f'after step {first}' if first else 'start'}"] if count else []
        labels += [f"{stage}step {first + place} of {first + count - 1}" for place in range(1, count)]
    return strip(frames, labels, results[-1].image)


def _write_steps(result: ImageResult, folder: Path, output: OutputPlan, largest: int) -> None:
    frames = result.frames
    if output.save_intermediates:
        for index in every_nth(output.save_intermediates, len(frames)):
            text_chunks = {NOISE_KEYWORD: f"{result.noise[index]:.6g}"} if index < len(result.noise) else {}
            data = encode_png(enlarged(frames[index], largest), text_chunks)
            write_atomically(folder / f"step-{result.first_step + index:02d}.png", data, durable=False)
    for index, latents in enumerate(result.latents, start=result.first_step):
        write_atomically(folder / f"step-{index:02d}.safetensors", latents, durable=False)


def every_nth(interval: int, count: int) -> list[int]:
    """Return every `interval`-th index of `count`, including the first and the last."""
    return sorted({*range(0, count, interval), count - 1}) if count else []
