"""How a picture came to be, told again: its saved steps where they are at hand, else its record carried out anew."""

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
from invoke_cli.replay.replay import Replay, prepare_replay, replayed


def step_frames(context: SessionContext, subject: Subject, title: str) -> ComparedImage:
    """The story of a picture; one that cannot be made again is shown as it is, and the reason told."""
    story = ComparedImage(title=title, result=subject.opened.image)
    try:
        remake = prepare_replay(context, subject.path)
        stages = _saved(context, remake) or _made_again(context, remake, subject)
    except (Interrupted, OutOfMemory):
        raise
    except InvokeError as error:
        context.notice(f"{subject.path.name}: its steps cannot be shown: {error.message}")
        return story
    return replace(story, init=remake.prepared.canvas, stages=stages)


def _saved(context: SessionContext, remake: Replay) -> tuple[Frames, ...]:
    """The frames that were kept beside the picture; nothing unless all of them are there."""
    steps = [stage.plan.steps.taken for stage in (remake.prepared, *remake.prepared.later)]
    top = context.folder().path
    own = remake.path.resolve().is_relative_to(top.resolve())
    inner = (top if own else remake.path.parent) / "intermediates" / remake.path.stem
    folders = [inner / f"stage-{number}" for number in range(1, len(steps) + 1)] if len(steps) > 1 else [inner]
    found = [_read(folder, count) for folder, count in zip(folders, steps, strict=True)]
    return tuple(frames for frames in found if frames is not None) if all(found) else ()


def _read(folder: Path, steps: int) -> Frames | None:
    pictures: list[Image.Image] = []
    noise: list[float] = []
    for step in range(steps + 1):
        path = folder / f"step-{step:02d}.png"
        try:
            noise.append(float(read_chunks(path)[NOISE_KEYWORD]))
            pictures.append(open_path(path).image)
        except (InvokeError, KeyError, ValueError):
            return None
    return Frames(previews=tuple(pictures), noise=tuple(noise))


def _made_again(context: SessionContext, remake: Replay, subject: Subject) -> tuple[Frames, ...]:
    """The frames of the picture, made again with all its steps watched."""
    context.notice(f"{subject.path.name}: its steps were not saved, so it is made again")
    first, *later = (_watched(stage) for stage in (remake.prepared, *remake.prepared.later))
    result = replayed(context, replace(remake, prepared=replace(first, later=tuple(later))))
    if pixel_hash(result.image) != pixel_hash(subject.opened.image):
        context.notice(f"{subject.path.name}: made again it is not the same, pixel for pixel; !verify says why")
    return _frames([*result.earlier, result])


def _watched(stage: Prepared) -> Prepared:
    return replace(stage, plan=replace(stage.plan, output=replace(stage.plan.output, strip=True)))


def _frames(results: Sequence[ImageResult]) -> tuple[Frames, ...]:
    told = tuple(Frames(previews=result.frames, noise=result.noise) for result in results)
    if any(len(frames.previews) != len(frames.noise) for frames in told):
        raise ImageError("the engine did not tell its steps", hint="please report it")
    return told if all(frames.previews for frames in told) else ()
