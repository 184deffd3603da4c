"""Save sheets of other images: numbered like every image, with a record of what they show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from invoke_cli.context.context import SessionContext
from invoke_cli.errors import MetadataError
from invoke_cli.generation.save import report_sheet
from invoke_cli.imaging.open_image import OpenedImage, open_path
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.language.switches.switch import Group
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.metadata.codecs import decode
from invoke_cli.metadata.containers.text_chunks import parse_chunks
from invoke_cli.metadata.sheet_record import SheetImage, SheetRecord
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.items import file_item
from invoke_cli.output.writer import Target
from invoke_cli.request import GenerationRequest

_IMAGE_FIELDS = frozenset(row.field for row in SWITCHES if row.group is not Group.OUTPUT) - {"parallel"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """An image to show on a sheet.

    Attributes:
        path: The file.
        opened: The opened image.
        stages: The stages in its metadata; empty if there is none.
    """

    path: Path
    opened: OpenedImage
    stages: tuple[GenerationRequest, ...] = ()

    @property
    def shown(self) -> SheetImage:
        """The entry of the image in the record of the sheet."""
        line = format_line(self.stages) if self.stages else ""
        return SheetImage(name=self.path.name, sha256=self.opened.sha256, line=line)


def open_subject(path: Path) -> Subject:
    """Open an image file with its metadata."""
    opened = open_path(path)
    try:
        metadata = decode(parse_chunks(opened.data))
    except MetadataError:
        metadata = None
    return Subject(path=path, opened=opened, stages=metadata.stages if metadata else ())


def titles(context: SessionContext, subjects: Sequence[Subject]) -> list[str]:
    """Return a title for each image: its name and, below it, the switches that differ between the images.

    A single image, or images with different numbers of stages, show all switches. In a private session the titles are
    numbers.
    """
    if context.settings.is_private(""):
        return [str(number) for number in range(1, len(subjects) + 1)]
    differing = _differing_fields([each.stages for each in subjects if each.stages])
    return [sanitize_for_terminal(_title(each, differing)) for each in subjects]


def shared_line(context: SessionContext, subjects: Sequence[Subject]) -> str:
    """Return the part of their lines in which all images are the same; empty in a private session."""
    lines = [each.stages for each in subjects if each.stages]
    if context.settings.is_private("") or len(lines) < 2:
        return ""
    shared = _IMAGE_FIELDS - _differing_fields(lines)
    stages = [_select_fields(stage, shared) for stage in lines[0]]
    return sanitize_for_terminal(format_line(stages)) if any(stage.set_fields() for stage in stages) else ""


def _title(each: Subject, differing: frozenset[str]) -> str:
    stages = [_select_fields(stage, differing) for stage in each.stages]
    line = format_line(stages) if any(stage.set_fields() for stage in stages) else ""
    return f"{each.path.name}\n{line}" if line else each.path.name


def _select_fields(stage: GenerationRequest, fields: Iterable[str]) -> GenerationRequest:
    return GenerationRequest.of({name: value for name, value in stage.set_fields().items() if name in fields})


def _differing_fields(stages: Sequence[Sequence[GenerationRequest]]) -> frozenset[str]:
    """Return the fields in which the lines differ; all fields that affect an image if their stage counts differ."""
    if len(stages) < 2 or len({len(each) for each in stages}) > 1:
        return _IMAGE_FIELDS
    return frozenset(
        name
        for name in _IMAGE_FIELDS
        for index in range(len(stages[0]))
        if len({getattr(each[index], name) for each in stages}) > 1
    )


def save_sheet(
    context: SessionContext, image: Image.Image, record: SheetRecord, folder: OutputFolder | None = None
) -> Path:
    """Save a sheet and show its number, path and line. Returns its path."""
    number, path, record = write_sheet(context, image, record, folder)
    report_sheet(context, file_item(path, number, record.line), image)
    return path


def write_sheet(
    context: SessionContext, image: Image.Image, record: SheetRecord, folder: OutputFolder | None = None
) -> tuple[int, Path, SheetRecord]:
    """Save a sheet without showing it.

    Returns:
        The number, the path and the record of the sheet. In a private session the record contains no names.
    """
    if context.settings.is_private(""):
        record = SheetRecord(kind=record.kind, line=f"!{record.kind}")
    number, path = context.writer.save_sheet(Target(folder=folder or context.folder()), image, record)
    return number, path, record
