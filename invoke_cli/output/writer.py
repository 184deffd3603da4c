"""Writing results: one thread that encodes and writes while the next image is being made.

A picture's record is written into it, then the file gets its name, then the books are kept. A file holds no time and
no number: the same line gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from invoke_cli import metadata
from invoke_cli.engine import ImageResult
from invoke_cli.imaging.sheets import enlarged, strip
from invoke_cli.metadata.codec import Record
from invoke_cli.metadata.dream import write_dream
from invoke_cli.metadata.sheet import SheetRecord, encode_sheet
from invoke_cli.output.entries import Entry, Parent
from invoke_cli.output.files import write_whole
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.names import fields_of, file_name, prompt_folder
from invoke_cli.output.reading import created_at, sheet_entry
from invoke_cli.planning.plan import ImagePlan, Plan
from invoke_cli.planning.recording import recorded_line

NOISE_KEYWORD = "noise"  # in the picture of a step: how much noise is in its latents

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
    """An image on disk: its number (None on standard output), path, the line that makes it again, and its pixels."""

    number: int | None
    path: Path
    line: str
    seed: int
    seconds: float
    image: Image.Image
    sha256: str
    extras: tuple[Path, ...] = ()
    replaced: Path | None = None


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
        return replace(saved, extras=tuple(self._extras(path, number)))

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

    def _extras(self, path: Path, number: int) -> Iterator[Path]:
        """The strip, the stages' pictures, the intermediates and the latents that the plan wants, beside the image."""
        output = self.plan.output
        if output.strip and any(result.frames for result in self.results):
            strip_path = path.with_name(f"{path.stem}.steps.png")
            write_whole(strip_path, encode_png(self._strip(), {}))
            yield strip_path
        if output.save_all:
            for number, result in enumerate(self.result.earlier, start=1):
                stage_path = path.with_name(f"{path.stem}.stage-{number}.png")
                write_whole(stage_path, encode_png(result.image, {}))
                yield stage_path
        inner = self.target.folder.intermediates(path, number, self.seed)
        for number, result in enumerate(self.results, start=1):
            self._write_steps(result, inner / f"stage-{number}" if self.result.earlier else inner)
        if output.save_intermediates or output.save_latents:
            yield inner

    def _strip(self) -> Image.Image:
        """All frames of all stages in a row, the finished picture at the end."""
        frames: list[Image.Image] = []
        labels: list[str] = []
        for number, result in enumerate(self.results, start=1):
            stage = f"stage {number}, " if self.result.earlier else ""
            frames += result.frames
            first, count = result.first_step, len(result.frames)
            labels += [f"{stage}{f'after step {first}' if first else 'start'}"] if count else []
            labels += [f"{stage}step {first + place} of {first + count - 1}" for place in range(1, count)]
        return strip(frames, labels, self.result.image)

    def _write_steps(self, result: ImageResult, folder: Path) -> None:
        output, frames = self.plan.output, result.frames
        if output.save_intermediates:
            for index in every(output.save_intermediates, len(frames)):
                said = {NOISE_KEYWORD: f"{result.noise[index]:.6g}"} if index < len(result.noise) else {}
                data = encode_png(enlarged(frames[index]), said)
                write_whole(folder / f"step-{result.first_step + index:02d}.png", data, durable=False)
        for index, latents in enumerate(result.latents, start=result.first_step):
            write_whole(folder / f"step-{index:02d}.safetensors", latents, durable=False)

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


def every(interval: int, count: int) -> list[int]:
    """Every `interval`-th of `count` places, with the first and the last."""
    return sorted({*range(0, count, interval), count - 1}) if count else []


def pixel_hash(image: Image.Image) -> str:
    """SHA-256 of the RGB bytes, rows from the top."""
    return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()


def encode_png(image: Image.Image, chunks: Mapping[str, str], compression: int = 6) -> bytes:
    """The PNG file with its text chunks: Latin-1 ones as tEXt, others and XMP as uncompressed iTXt."""
    info = PngInfo()
    for keyword, text in chunks.items():
        if text.isascii() and not keyword.startswith("XML:"):
            info.add_text(keyword, text)
        else:
            info.add_itxt(keyword, text)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=info, compress_level=compression)
    return buffer.getvalue()
