"""Save results in the background, and report each image, in order, once it is on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from PIL import Image

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import names_a_file
from invoke_cli.engine import ImageResult
from invoke_cli.errors import OutputError
from invoke_cli.events import MAX_PREVIEW, Item, Level, Preview, Saved, Viewer
from invoke_cli.generation.prepare import Prepared
from invoke_cli.imaging.sheets.grids import grid
from invoke_cli.inputs.supplied import InputFile
from invoke_cli.metadata.codec import Record
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.metadata.formats.grid_of_2x import grid_chunks
from invoke_cli.metadata.formats.invokeai2 import APP_ID
from invoke_cli.metadata.sheet_record import GRID, SheetImage, SheetRecord, encode_sheet, sheet_line
from invoke_cli.output.items import file_item
from invoke_cli.output.writer import SavedImage, Target
from invoke_cli.version import __version__


class Saver:
    """The saver of the images of one line; `saved` contains those on disk."""

    def __init__(self, context: SessionContext, target: Target) -> None:
        self.context = context
        self.target = target
        self.saved: list[SavedImage] = []
        self._pending: list[tuple[Future[SavedImage], Prepared]] = []

    def save(self, prepared: Prepared, result: ImageResult) -> None:
        """Start to write a result in the background."""
        if not prepared.plan.output.private:
            for stage in (prepared, *prepared.later):
                self.context.settings.keep_model(stage.model.spec)
        numbered_result = replace(result, index=len(self.saved) + len(self._pending))
        environment = environment_of(self.context, prepared)
        record = partial(build_record, self.context, prepared, numbered_result, environment=environment)
        self._pending.append((self.context.writer.save(self.target, prepared.plan, numbered_result, record), prepared))
        self.collect(wait=False)

    def collect(self, *, wait: bool) -> None:
        """Report the images that are on disk, in order. With `wait`, wait for all.

        Raises:
            OutputError: An image cannot be written.
        """
        while self._pending and (wait or self._pending[0][0].done()):
            future, prepared = self._pending.pop(0)
            saved = future.result()
            self.saved.append(saved)
            if self.target.stdout is None:
                self.context.latest = self.target.folder
            if saved.replaced:
                self.context.notice(f"replaced {saved.path}")
            self.context.emit(_event(saved, prepared, self.context.streams.viewer))
            self.context.streams.saved(saved)
            self.context.report_folder(self.target.folder)
            if reason := self.target.folder.take_log_error():
                self.context.notice(f"{reason}; the image is saved and in the history", Level.WARNING)
            if saved.sidecar_error is not None:
                raise saved.sidecar_error


def check_only_image(outdir: str | None, count: int, field: str = "num_images") -> None:
    """Raise OutputError, with the field that asks for several images, if `-o` takes only one."""
    if count > 1 and names_a_file(outdir or ""):
        target = "standard output takes only one" if outdir == "-" else f"{outdir} is the name of one"
        hint = "use -o with a folder, or let the line generate one image"
        raise OutputError(f"{target} image, but this line generates {count}", hint=hint, field=field)


def originals_target(target: Target) -> Target:
    """Return the target for the images before postprocessing: next to the result, if `-o` names a file."""
    return replace(target, file=target.file and target.file.with_name(f"{target.file.stem}.original.png"))


def _event(saved: SavedImage, prepared: Prepared, viewer: Viewer) -> Saved:
    plan = prepared.last.plan
    kind = plan.output.preview
    return Saved(
        number=saved.number,
        path=str(saved.path),
        line=saved.line,
        seed=saved.seed,
        seconds=saved.seconds,
        steps_taken=plan.steps_left,
        steps_asked=plan.steps.scheduled,
        extras=tuple(map(str, saved.extras)),
        picture=_preview(saved.image, kind) if viewer.shows(kind) else None,
        short_line=saved.short_line,
        steps_per_second=plan.steps_left / saved.seconds if plan.steps_left and saved.seconds else None,
        peak_memory=saved.peak_memory or None,
        worker=saved.worker,
    )


def _preview(image: Image.Image, kind: str) -> Preview:
    """Return a small preview of a result, with transparent areas on black."""
    small = image.copy()
    small.thumbnail((MAX_PREVIEW, MAX_PREVIEW), Image.Resampling.BOX)
    if small.mode == "RGBA":
        small = Image.composite(small, Image.new("RGBA", small.size, "black"), small.getchannel("A"))
    small = small.convert("RGB")
    return Preview(width=small.width, height=small.height, rgb=small.tobytes(), kind=kind)


def environment_of(context: SessionContext, prepared: Prepared) -> Mapping[str, object]:
    """Return the environment to record; empty if no model was used. Call it on the engine's thread."""
    if prepared.needs_no_model:
        return {}
    environment = context.engine.environment()
    # On a device other than the CPU the number of threads is recorded as 0.
    return {**environment, "threads": prepared.threads} if prepared.threads and environment["threads"] else environment


def build_record(
    context: SessionContext,
    prepared: Prepared,
    result: ImageResult,
    pixel_sha256: str,
    *,
    environment: Mapping[str, object],
) -> Record:
    """Return the record to store in the file of a result."""
    plans = [stage.plan for stage in (prepared, *prepared.later)]
    plan = plans[-1]
    return Record(
        plan=plan,
        image=result.plan,
        size=plan.result_size,
        pixel_sha256=pixel_sha256,
        program=APP_ID,
        version=__version__,
        model_sha256=context.hashes.of_model(prepared.last.model),
        environment=environment,
        batch=result.batch,
        parents=() if plan.output.private else tuple(_parents(prepared)),
        fallbacks=result.fallbacks,
        schema_version=plan.schema_version,
        earlier=tuple(zip(plans[:-1], (stage.plan for stage in result.earlier), strict=True)),
    )


def _parents(prepared: Prepared) -> Iterator[Mapping[str, str]]:
    """Yield the files that a result was generated from, saved latents after the image that they became."""
    latents = prepared.checkpoint
    if latents is not None and latents.image_name:
        yield {"name": latents.image_name, "sha256": latents.image_sha256}
    yield from map(_parent, prepared.inputs)


def _parent(file: InputFile) -> Mapping[str, str]:
    return {"name": file.name, "sha256": file.sha256, **({"source": file.source} if file.source else {})}


def save_grid(context: SessionContext, target: Target, saved: Sequence[SavedImage], *, private: bool) -> None:
    """Save a grid of finished images under the next number of the target, and report its path."""
    shows = tuple(
        SheetImage(name=each.path.name, sha256=each.sha256, line="" if private else each.line) for each in saved
    )
    record = SheetRecord(kind=GRID, line=sheet_line(GRID, shows), shows=shows)
    image = grid([each.image for each in saved])
    images = [] if private else [read_chunks(each.path) for each in saved if each.path.is_file()]
    number, path = context.writer.save_sheet(target, image, record, encode_sheet(record) | grid_chunks(images))
    report_sheet(context, file_item(path, number, record.line), image)


def report_sheet(context: SessionContext, file: Item, image: Image.Image) -> None:
    """Report an image that was composed of others (see `file_item`), and show it as results are shown."""
    kind = context.settings.preview()
    picture = _preview(image, kind) if context.streams.viewer.shows(kind) else None
    context.say(f"[{file['number']}] {file['path']}: {file['line']}", items=[file], picture=picture)
