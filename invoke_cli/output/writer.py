"""Write results: one thread encodes and writes while the next image is generated.

The metadata is written into the file, the file gets its name, then the history and logs are updated. A file contains no
time and no number: the same line gives the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from PIL import Image

from invoke_cli.engine import ImageResult
from invoke_cli.errors import OutputError
from invoke_cli.events import STANDARD_OUTPUT
from invoke_cli.input_files import IMAGE, file_sha256
from invoke_cli.metadata import codecs
from invoke_cli.metadata.codec import Record
from invoke_cli.metadata.formats.dream import write_dream
from invoke_cli.metadata.sheet_record import GRID, SheetRecord, encode_sheet
from invoke_cli.output.entries import UNLISTED, Entry, Parent
from invoke_cli.output.entry_reader import created_at, entry_for_sheet
from invoke_cli.output.files import write_atomically
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.line_images import LineImages
from invoke_cli.output.lossy import ENCODINGS, Encoding, as_encoded, encode_lossy
from invoke_cli.output.names import fields_from_plan, file_name, prompt_folder
from invoke_cli.output.png import encode_png, pixel_hash
from invoke_cli.output.sidecars import remove_steps, write_sidecars
from invoke_cli.planning.plan import ImagePlan, Plan
from invoke_cli.planning.recorded_request import recorded_line, short_line

MakeRecord = Callable[[str], Record]


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The destination of a plan's results.

    Attributes:
        folder: The output folder.
        file: The file that was requested by name, which is all that is written; None for a numbered file in the folder.
        stdout: Receives the PNG instead of a file.
        run: Identifies the command in the history.
        numbers: The numbers that were reserved for the results; when they are used up, the next free ones follow.
        in_order: Calls a function once all earlier results have been logged; None to call it at once.
        images: Counts the images of the line.
        is_resumed: Whether an interrupted run may have written some of the images.
    """

    folder: OutputFolder
    file: Path | None = None
    stdout: Callable[[bytes], None] | None = None
    run: str = ""
    numbers: Iterator[int] = field(default_factory=lambda: iter(()))
    in_order: Callable[[Callable[[], None]], None] | None = None
    images: LineImages = field(default_factory=LineImages)
    is_resumed: bool = False

    @property
    def place(self) -> Path:
        """The folder that the results are written into, or the nearest one above it that exists."""
        if self.file is None:
            return self.folder.path
        return next(folder for folder in self.file.absolute().parents if folder.is_dir())

    def add_entry(self, entry: Entry, *, log: bool = True) -> None:
        """Add an image to the history now, and to the logs when those before it are there."""
        self.folder.add_entry(entry, log=log and self.in_order is None)
        if log and self.in_order is not None:
            self.in_order(partial(self.folder.append_to_logs, entry))


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedImage:
    """A saved image.

    Attributes:
        number: Its number; None in a file named by -o and on standard output.
        path: Its path.
        line: The line that reproduces it.
        short_line: The part of it that was chosen, and the seed.
        seed: The seed of its first stage.
        seconds: The time to generate it.
        peak_memory: The highest memory use so far, in bytes; 0 if unknown.
        image: The image itself.
        sha256: The hash of its file.
        extras: The files and folders beside it.
        replaced: Whether it took the place of a file.
        sidecar_error: The reason why not all files beside it were written.
        worker: The name of the worker that generated it, if there are several.
    """

    number: int | None
    path: Path
    line: str
    seed: int
    seconds: float
    image: Image.Image
    sha256: str
    short_line: str = ""
    peak_memory: int = 0
    extras: tuple[Path, ...] = ()
    replaced: bool = False
    sidecar_error: OutputError | None = None
    worker: str = ""


class Writer:
    """Saves images in the order of the calls, on one thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="invoke-writer")

    def save(self, target: Target, plan: Plan, result: ImageResult, record: MakeRecord) -> Future[SavedImage]:
        """Start saving a result.

        Args:
            target: The destination.
            plan: The plan of the last stage.
            result: The result.
            record: Creates the metadata from the hash of the pixels.

        Returns:
            A future with the saved image, or with an OutputError.
        """
        return self._thread.submit(_SaveJob(target, plan, result, record).run)

    def save_sheet(
        self, target: Target, image: Image.Image, record: SheetRecord, chunks: Mapping[str, str] | None = None
    ) -> tuple[int, Path]:
        """Save an image composed of others as `number.kind.png`, by default with its record; return number and path."""
        folder = target.folder
        with folder.reserve_number(next(target.numbers, None)) as number:
            path = folder.path / f"{number:06d}.{record.kind}.png"
            folder.history.mark_pending(number, folder.relative_name(path))
            write_atomically(path, encode_png(image, encode_sheet(record) if chunks is None else chunks))
            sha256 = file_sha256(path, IMAGE).hex()
            name = folder.relative_name(path)
            file = Entry(number=number, path=name, line="", seed=0, created=created_at(path), sha256=sha256)
            target.add_entry(entry_for_sheet(record, file), log=record.kind == GRID)
        return number, path

    def close(self) -> None:
        """Wait until everything is written."""
        self._thread.shutdown(wait=True)


class _SaveJob:
    """The steps that save one image."""

    def __init__(self, target: Target, plan: Plan, result: ImageResult, make_record: MakeRecord) -> None:
        self.target, self.plan, self.result, self.make_record = target, plan, result, make_record
        self.stages: tuple[tuple[Plan, ImagePlan], ...] = ()

    @property
    def results(self) -> tuple[ImageResult, ...]:
        """Return the results of all stages."""
        return (*self.result.earlier, self.result)

    @property
    def seed(self) -> int:
        """Return the seed of the first stage, which identifies the image."""
        return self.results[0].plan.seed

    def run(self) -> SavedImage:
        encoding = ENCODINGS.get(self.target.file.suffix.lower()) if self.target.file is not None else None
        record = self.make_record(pixel_hash(as_encoded(self.result.image, encoding)))
        self.stages = record.stages
        chunks = {} if self.plan.output.no_metadata else codecs.encode(record)
        data = self._encode(chunks, encoding)
        if self.target.stdout is not None:
            self.target.stdout(data)
            return self._saved(None, Path(STANDARD_OUTPUT), data)
        if self.target.file is not None:
            return self._with_extras(self._write_named(self.target.file, data, record))
        with self.target.folder.reserve_number(next(self.target.numbers, None)) as number:
            if (written := self._written_before(number, data)) is not None:
                return written
            path = self._choose_path(number)
            self.target.folder.history.mark_pending(number, self.target.folder.relative_name(path))
            write_atomically(path, data)
            saved = self._saved(number, path, data)
            self.target.add_entry(self._entry(saved, record))
        return self._with_extras(saved)

    def _written_before(self, number: int, data: bytes) -> SavedImage | None:
        """Return the same image if an interrupted run of the same lines has written it under this number."""
        if not self.target.is_resumed:
            return None
        entry = self.target.folder.history.get(number)
        path = self.target.folder.path_of(entry) if entry is not None else None
        return self._saved(number, path, data) if path is not None and path.is_file() else None

    def _write_named(self, path: Path, data: bytes, record: Record) -> SavedImage:
        """Write the file that was requested by name. No history lists it: the session alone remembers it."""
        replaced = path.exists()
        write_atomically(path, data)
        saved = self._saved(None, path, data, replaced=replaced)
        self.target.folder.unlisted.append(self._entry(saved, record))
        return saved

    def _encode(self, chunks: Mapping[str, str], encoding: Encoding | None) -> bytes:
        if encoding is not None:
            return encode_lossy(self.result.image, chunks, encoding)
        return encode_png(self.result.image, chunks, self.plan.output.png_compression)

    def _with_extras(self, saved: SavedImage) -> SavedImage:
        """Write the files beside the image. If that fails the image is kept, with the error."""
        extras: list[Path] = []
        steps_folder = self.target.folder.intermediates(saved.path)
        try:
            if saved.replaced:
                remove_steps(steps_folder)
            for extra in write_sidecars(saved.path, steps_folder, self.results, self.plan.output):
                extras.append(extra)
        except OutputError as error:
            return replace(saved, extras=tuple(extras), sidecar_error=error)
        return replace(saved, extras=tuple(extras))

    def _choose_path(self, number: int) -> Path:
        """Return an unused path for a numbered image."""
        folder, output = self.target.folder, self.plan.output
        directory = folder.path
        if output.prompt_as_dir and not output.private:
            directory = directory / prompt_folder(self.plan.prompt.positive)
        fields = fields_from_plan(self.stages, number, self.target.images.add(folder.path, number))
        path = directory / file_name(output.name_format, fields)
        if path.exists():
            path = path.with_name(f"{path.stem}-{number}{path.suffix}")
        return path

    def _saved(self, number: int | None, path: Path, data: bytes, *, replaced: bool = False) -> SavedImage:
        return SavedImage(
            number=number,
            path=path,
            line=recorded_line(self.stages),
            short_line=short_line(self.stages),
            seed=self.seed,
            seconds=self.result.seconds,
            peak_memory=self.result.peak_memory,
            image=self.result.image,
            sha256=hashlib.sha256(data).hexdigest(),
            replaced=replaced,
            worker=self.result.worker,
        )

    def _entry(self, saved: SavedImage, record: Record) -> Entry:
        return Entry(
            number=saved.number or UNLISTED,
            path=self.target.folder.relative_name(saved.path),
            line=write_dream(record),
            seed=self.seed,
            created=created_at(saved.path),
            pixel_sha256=record.pixel_sha256,
            parents=tuple(Parent(parent["name"], parent["sha256"]) for parent in record.parents),
            sha256=saved.sha256,
            run=self.target.run,
        )
