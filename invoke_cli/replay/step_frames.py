"""Show the steps of an image: the saved frames or, if they are missing, those of a rerun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from invoke_cli.context.context import SessionContext
from invoke_cli.engine import ImageResult
from invoke_cli.errors import ImageError, Interrupted, InvokeError, OutOfMemory
from invoke_cli.generation.contact_sheets import Subject
from invoke_cli.generation.prepare import Prepared
from invoke_cli.imaging.open_image import open_path
from invoke_cli.imaging.sheets.comparison import ComparedImage, Frames
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.output.png import pixel_hash
from invoke_cli.output.sidecars import NOISE_KEYWORD
from invoke_cli.replay.replay import Replay, prepare_replay, run_replay


def step_frames(context: SessionContext, subject: Subject, title: str) -> ComparedImage:
    """Return an image with its steps; if it cannot be reproduced, only the image, with a notice about the reason."""
    image = ComparedImage(title=title, result=subject.opened.image)
    try:
        recorded_run = prepare_replay(context, subject.path)
        stages = _saved_frames(context, recorded_run) or _rerun(context, recorded_run, subject)
    except (Interrupted, OutOfMemory):
        raise
    except InvokeError as error:
        context.notice(f"{subject.path.name}: cannot show its steps: {error.message}")
        return image
    return replace(image, init=recorded_run.prepared.canvas, stages=stages)


def _saved_frames(context: SessionContext, recorded_run: Replay) -> tuple[Frames, ...]:
    """Return the frames that were saved with the image; empty unless all exist."""
    steps = [stage.plan.steps.taken for stage in (recorded_run.prepared, *recorded_run.prepared.later)]
    output_folder = context.folder().path
    is_inside = recorded_run.path.resolve().is_relative_to(output_folder.resolve())
    image_folder = (output_folder if is_inside else recorded_run.path.parent) / "intermediates" / recorded_run.path.stem
    folders = (
        [image_folder / f"stage-{number}" for number in range(1, len(steps) + 1)] if len(steps) > 1 else [image_folder]
    )
    found = [_read(folder, count) for folder, count in zip(folders, steps, strict=True)]
    return tuple(frames for frames in found if frames is not None) if all(found) else ()


def _read(folder: Path, steps: int) -> Frames | None:
    previews: list[Image.Image] = []
    noise: list[float] = []
    for step in range(steps + 1):
        path = folder / f"step-{step:02d}.png"
        try:
            noise.append(float(read_chunks(path)[NOISE_KEYWORD]))
            previews.append(open_path(path).image)
        except (InvokeError, KeyError, ValueError):
            return None
    return Frames(previews=tuple(previews), noise=tuple(noise))


def _rerun(context: SessionContext, recorded_run: Replay, subject: Subject) -> tuple[Frames, ...]:
    """Reproduce the image and return the frames of all its steps."""
    context.notice(f"{subject.path.name}: its steps were not saved; reproducing the image")
    first, *later = (_with_frames(stage) for stage in (recorded_run.prepared, *recorded_run.prepared.later))
    result = run_replay(context, replace(recorded_run, prepared=replace(first, later=tuple(later))))
    if pixel_hash(result.image) != pixel_hash(subject.opened.image):
        context.notice(f"{subject.path.name}: the reproduced image is not identical; !verify shows the reasons")
    return _frames([*result.earlier, result])


def _with_frames(stage: Prepared) -> Prepared:
    return replace(stage, plan=replace(stage.plan, output=replace(stage.plan.output, strip=True)))


def _frames(results: Sequence[ImageResult]) -> tuple[Frames, ...]:
    all_frames = tuple(Frames(previews=result.frames, noise=result.noise) for result in results)
    if any(len(frames.previews) != len(frames.noise) for frames in all_frames):
        raise ImageError("the engine did not report its steps", hint="please report this")
    return all_frames if all(frames.previews for frames in all_frames) else ()
