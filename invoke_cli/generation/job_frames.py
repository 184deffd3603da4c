"""Run a job of the engine so that previews and frames of a masked run show the whole image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from PIL import Image

from invoke_cli.context.context import SessionContext
from invoke_cli.engine import Hooks, ImageResult, Job
from invoke_cli.events import Event, Preview, Step
from invoke_cli.generation.prepare import Prepared
from invoke_cli.imaging.surroundings import Surroundings


def run_job(context: SessionContext, prepared: Prepared, job: Job) -> Iterator[ImageResult]:
    """Yield the engine's results for a job of a stage; their images are those of the canvas."""
    hooks, surroundings = context.hooks(), prepared.surroundings
    if surroundings is None:
        yield from context.engine.generate(job, hooks)
        return
    for result in context.engine.generate(job, _with_whole_previews(hooks, surroundings)):
        yield replace(result, frames=tuple(map(surroundings.around, result.frames)))


def _with_whole_previews(hooks: Hooks, surroundings: Surroundings) -> Hooks:
    """Return hooks that emit previews of the whole image instead of those of the canvas."""

    def emit(event: Event) -> None:
        if isinstance(event, Step) and event.preview is not None:
            event = replace(event, preview=_whole(event.preview, surroundings))
        hooks.emit(event)

    return replace(hooks, emit=emit)


def _whole(preview: Preview, surroundings: Surroundings) -> Preview:
    image = surroundings.around(Image.frombytes("RGB", (preview.width, preview.height), preview.rgb))
    return replace(preview, width=image.width, height=image.height, rgb=image.tobytes())
