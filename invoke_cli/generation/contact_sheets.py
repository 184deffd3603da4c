"""Pictures made of others, on their way to disk: numbered like all, with a record of what they show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from invoke_cli.context.context import SessionContext
from invoke_cli.errors import MetadataError
from invoke_cli.imaging.open_image import OpenedImage, open_path
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.language.switches.switch import Group
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.metadata import decode
from invoke_cli.metadata.containers.text_chunks import parse_chunks
from invoke_cli.metadata.sheet_record import SheetImage, SheetRecord
from invoke_cli.output.folder import OutputFolder
from invoke_cli.request import GenerationRequest

_TELLING = frozenset(row.field for row in SWITCHES if row.group is not Group.OUTPUT) - {"parallel"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A picture that is to be shown: its file, its pixels, and the stages that made it where it tells them."""

    path: Path
    opened: OpenedImage
    stages: tuple[GenerationRequest, ...] = ()

    @property
    def shown(self) -> SheetImage:
        """What the record says of it."""
        line = format_line(self.stages) if self.stages else ""
        return SheetImage(name=self.path.name, sha256=self.opened.sha256, line=line)


def subject(path: Path) -> Subject:
    """The picture in a file, with what it says of how it was made."""
    opened = open_path(path)
    try:
        recalled = decode(parse_chunks(opened.data))
    except MetadataError:
        recalled = None
    return Subject(path=path, opened=opened, stages=recalled.stages if recalled else ())


def titles(context: SessionContext, subjects: Sequence[Subject]) -> list[str]:
    """Each picture's name and, below it, what tells it from the others; everything where it is alone. In a private
    session they are counted.
    """
    if context.settings.is_private(""):
        return [str(number) for number in range(1, len(subjects) + 1)]
    apart = _telling_apart([each.stages for each in subjects if each.stages])
    return [sanitize_for_terminal(_title(each, apart)) for each in subjects]


def _title(each: Subject, apart: frozenset[str]) -> str:
    said = [_only(stage, apart) for stage in each.stages]
    line = format_line(said) if any(stage.set_fields() for stage in said) else ""
    return f"{each.path.name}\n{line}" if line else each.path.name


def _only(stage: GenerationRequest, fields: Iterable[str]) -> GenerationRequest:
    return GenerationRequest.of({name: value for name, value in stage.set_fields().items() if name in fields})


def _telling_apart(stages: Sequence[Sequence[GenerationRequest]]) -> frozenset[str]:
    """The fields in which lines of one shape differ; all that shape a picture for lines that are not alike."""
    if len(stages) < 2 or len({len(each) for each in stages}) > 1:
        return _TELLING
    return frozenset(
        name
        for name in _TELLING
        for place in range(len(stages[0]))
        if len({getattr(each[place], name) for each in stages}) > 1
    )


def save_sheet(
    context: SessionContext, image: Image.Image, record: SheetRecord, folder: OutputFolder | None = None
) -> Path:
    """Write a sheet into the output folder and tell its number and name; a private session's says no names."""
    number, path, record = keep_sheet(context, image, record, folder)
    context.say(f"[{number}] {path}: {record.line}")
    return path


def keep_sheet(
    context: SessionContext, image: Image.Image, record: SheetRecord, folder: OutputFolder | None = None
) -> tuple[int, Path, SheetRecord]:
    """The same without telling; returns the number, where it is, and what it says of itself."""
    if context.settings.is_private(""):
        record = SheetRecord(kind=record.kind, line=f"!{record.kind}")
    number, path = context.writer.save_sheet(folder or context.folder(), image, record)
    return number, path, record
