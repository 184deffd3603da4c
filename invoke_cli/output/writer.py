"""Writing results: one thread that encodes and writes while the next image is being made.

A picture's record is written into it, then the file gets its name, then the books are kept. A file holds no time and
no number: the same line gives the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from invoke_cli import metadata
from invoke_cli.engine import ImageResult
from invoke_cli.errors import OutputError
from invoke_cli.metadata.codec import Record
from invoke_cli.metadata.formats.dream import write_dream
from invoke_cli.metadata.sheet_record import SheetRecord, encode_sheet
from invoke_cli.output.entries import Entry, Parent
from invoke_cli.output.entry_reader import created_at, sheet_entry
from invoke_cli.output.files import write_whole
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.names import fields_of, file_name, prompt_folder
from invoke_cli.output.png import encode_png, pixel_hash
from invoke_cli.output.sidecars import write_beside
from invoke_cli.planning.plan import ImagePlan, Plan
from invoke_cli.planning.recorded_request import recorded_line

MakeRecord = Callable[[str], Record]


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where a plan's results go. `file` names the one file that was asked for by name, None for a folder's numbering;
    `stdout` receives the PNG itself instead. `run` is what the books call the command.
    """

    folder: OutputFolder
    file: Path | None = None
    stdout: Callable[[bytes], None] | None = None
    run: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedImage:
    """An image on disk: its number (None on standard output), path, the line that makes it again, and its pixels.

    `trouble` tells why some of what was to stand beside it does not.
    """

    number: int | None
    path: Path
    line: str
    seed: int
    seconds: float
    image: Image.Image
    sha256: str
    extras: tuple[Path, ...] = ()
    replaced: Path | None = None
    trouble: OutputError | None = None


class Writer:
    """Saves images in the order in which they are given."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="invoke-writer")

    def save(self, target: Target, plan: Plan, result: ImageResult, record: MakeRecord) -> Future[SavedImage]:
        """Begin to save a result; the future is the saved image, or the OutputError. `record` makes what the file says
        of itself, given the hash of its pixels.
        """
        return self._thread.submit(_Saving(target, plan, result, record).run)

    def save_sheet(
        self, folder: OutputFolder, image: Image.Image, record: SheetRecord, *, told: bool = True
    ) -> tuple[int, Path]:
        """Save a picture made of others as `number.kind.png`, with its record unless not `told`; returns its number and
        where it is.
        """
        with folder.numbered() as number:
            path = folder.path / f"{number:06d}.{record.kind}.png"
            folder.history.begin(number, folder.inside(path))
            write_whole(path, encode_png(image, encode_sheet(record) if told else {}))
            self._enter_sheet(folder, number, path, record)
        return number, path

    def _enter_sheet(self, folder: OutputFolder, number: int, path: Path, record: SheetRecord) -> None:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        file = Entry(number=number, path=folder.inside(path), line="", seed=0, created=created_at(path), sha256=sha256)
        folder.enter(sheet_entry(record, file), log=False)

    def close(self) -> None:
        """Finish what was begun."""
        self._thread.shutdown(wait=True)


class _Saving:
    """One image on its way to disk."""

    def __init__(self, target: Target, plan: Plan, result: ImageResult, make_record: MakeRecord) -> None:
        self.target, self.plan, self.result, self.make_record = target, plan, result, make_record
        self.stages: tuple[tuple[Plan, ImagePlan], ...] = ()

    @property
    def results(self) -> tuple[ImageResult, ...]:
        """The results of all stages."""
        return (*self.result.earlier, self.result)

    @property
    def seed(self) -> int:
        """The seed that the image is known by: its first stage's."""
        return self.results[0].plan.seed

    def run(self) -> SavedImage:
        record = self.make_record(pixel_hash(self.result.image))
        self.stages = record.stages
        chunks = {} if self.plan.output.no_metadata else metadata.encode(record)
        data = encode_png(self.result.image, chunks, self.plan.output.png_compression)
        if self.target.stdout is not None:
            self.target.stdout(data)
            return self._saved(None, Path("-"), data)
        with self.target.folder.numbered() as number:
            path, replaced = self._place(number)
            self.target.folder.history.begin(number, self.target.folder.inside(path))
            write_whole(path, data)
            saved = self._saved(number, path, data, replaced=replaced)
            self._enter(saved, record)
        return self._with_extras(saved, path, number)

    def _with_extras(self, saved: SavedImage, path: Path, number: int) -> SavedImage:
        """The saved image with what stands beside it, as far as that could be written: the image itself is safe."""
        extras: list[Path] = []
        inner = self.target.folder.intermediates(path, number, self.seed)
        try:
            for extra in write_beside(path, inner, self.results, self.plan.output):
                extras.append(extra)
        except OutputError as error:
            return replace(saved, extras=tuple(extras), trouble=error)
        return replace(saved, extras=tuple(extras))

    def _place(self, number: int) -> tuple[Path, Path | None]:
        """A free path for the image. A file that was asked for by name is replaced; the old one goes to the trash."""
        folder, output = self.target.folder, self.plan.output
        if self.target.file is not None:
            path = self.target.file
            if self.result.index:
                path = path.with_name(f"{path.stem}-{self.result.index + 1}{path.suffix}")
            return path, self._out_of_the_way(path) if path.exists() else None
        directory = folder.path
        if output.prompt_as_dir and not output.private:
            directory = directory / prompt_folder(self.plan.prompt.positive)
        path = directory / file_name(output.name_format, fields_of(self.plan, self.results[0].plan, number))
        if path.exists():
            path = path.with_name(f"{path.stem}-{number}{path.suffix}")
        return path, None

    def _out_of_the_way(self, path: Path) -> Path:
        """Move the file that has the wanted name into the trash; its image keeps its number and is found there."""
        folder = self.target.folder
        now = folder.to_trash(path)
        folder.history.moved(folder.inside(path), folder.inside(now))
        return now

    def _saved(
        self, number: int | None, path: Path, data: bytes, extras: tuple[Path, ...] = (), replaced: Path | None = None
    ) -> SavedImage:
        return SavedImage(
            number=number,
            path=path,
            line=recorded_line(self.stages),
            seed=self.seed,
            seconds=self.result.seconds,
            image=self.result.image,
            sha256=hashlib.sha256(data).hexdigest(),
            extras=extras,
            replaced=replaced,
        )

    def _enter(self, saved: SavedImage, record: Record) -> None:
        assert saved.number is not None
        folder = self.target.folder
        entry = Entry(
            number=saved.number,
            path=folder.inside(saved.path),
            line=write_dream(record),
            seed=self.seed,
            created=created_at(saved.path),
            pixel_sha256=record.pixel_sha256,
            parents=tuple(Parent(parent["name"], parent["sha256"]) for parent in record.parents),
            sha256=saved.sha256,
            run=self.target.run,
        )
        folder.enter(entry)
