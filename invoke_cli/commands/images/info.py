"""`!info`: the metadata of an image, complete for programs, and laid out for reading on a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import single_image
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import ImageError, MetadataError
from invoke_cli.events import Item
from invoke_cli.imaging.open_image import OpenedImage, open_path
from invoke_cli.inputs.history_lookup import read_metadata
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.sanitize import sanitize_for_terminal, shortened
from invoke_cli.language.switches.switch import Switch
from invoke_cli.language.switches.table import SWITCHES, by_field
from invoke_cli.metadata.codec import ParsedMetadata
from invoke_cli.metadata.containers.stealth import stealth_text
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.metadata.sheet_record import SheetRecord, decode_sheet
from invoke_cli.request import GenerationRequest

_MAX_CHARACTERS = 4_000
_HASH_CHARACTERS, _SHOWN_OF_HASH = 64, 16


@dataclass(frozen=True, kw_only=True, slots=True)
class _Section:
    """Rows of names and values, below a title; a text without a name stands alone."""

    title: str = ""
    rows: Sequence[tuple[str, str]] = ()

    def plain(self, *, titled: bool) -> Iterator[str]:
        """Yield a line for each row."""
        if titled:
            yield self.title
        yield from (f"{name:<15} {value}" if name else value for name, value in self.rows)

    def laid_out(self, width: int) -> Iterator[str]:
        """Yield the rows in two columns that fit the width."""
        left = max((len(name) for name, _ in self.rows), default=0) + 4
        for name, value in self.rows:
            wrapped = textwrap.wrap(_short(value), max(20, width - left)) or [""]
            yield f"  {name:<{left - 2}}{wrapped[0]}" if name else f"  {wrapped[0]}"
            yield from (f"{'':<{left}}{more}" for more in wrapped[1:])


def info(context: SessionContext, call: Call) -> None:
    """Show the metadata of an image."""
    path = single_image(context, call, "!info image.png: show the metadata of an image")
    texts = read_chunks(path)
    file: list[tuple[str, str]] = []
    opened: OpenedImage | None = None
    try:
        opened = open_path(path)
        file += [*_row("size", opened.size), *_row("bytes", len(opened.data)), *_row("sha256", opened.sha256)]
        texts = texts or stealth_text(opened)
    except ImageError as error:
        if not texts:
            raise
        file += _row("pixels", error.message)
    sheet = decode_sheet(texts)
    metadata, problem = (None, "") if sheet is not None else _metadata(context, path)
    sections = [_Section(title="file", rows=file), *_metadata_sections(sheet, metadata, problem)]
    item = {
        "kind": "metadata",
        "path": str(path),
        **_pixels_item(opened),
        **_settings_item(sheet, metadata),
        "texts": texts,
    }
    shown = _laid_out(context, path, sections, texts)
    context.say(_plain(path, sections, texts), items=[item], paged=True, on_terminal=shown)


def _metadata(context: SessionContext, path: Path) -> tuple[ParsedMetadata | None, str]:
    """Return the metadata of an image, or the reason why there is none."""
    try:
        return read_metadata(context, path), ""
    except MetadataError as error:
        return None, error.message


def _pixels_item(opened: OpenedImage | None) -> Item:
    """Return the size and the hash of an image file, for programs; None for all of them if it has no pixels."""
    return {
        "width": opened and opened.size.width,
        "height": opened and opened.size.height,
        "bytes": opened and len(opened.data),
        "sha256": opened and opened.sha256,
    }


def _settings_item(sheet: SheetRecord | None, metadata: ParsedMetadata | None) -> Item:
    """Return the settings in the metadata, for programs: a mapping from names to values as typed for each stage."""
    nothing: Item = {
        **dict.fromkeys(("program", "line", "sheet")),
        "stages": (),
        "facts": {},
        "missing": (),
        "conflicts": (),
    }
    if sheet is not None:
        return {**nothing, "line": sheet.line, "sheet": sheet.kind}
    if metadata is None:
        return nothing
    return {
        "program": metadata.program,
        "line": format_line(metadata.stages),
        "sheet": None,
        "stages": [_typed_values(stage) for stage in metadata.stages],
        "facts": {name: str(value) for name, value in metadata.facts.items()},
        "missing": metadata.missing,
        "conflicts": metadata.conflicts,
    }


def _typed_values(stage: GenerationRequest) -> Mapping[str, str]:
    """Return the settings of a stage as typed, by the long names of their switches."""
    rows = by_field()
    return {rows[name].name[2:]: _format_value(rows[name], value) for name, value in stage.set_fields().items()}


def _plain(path: Path, sections: Sequence[_Section], texts: Mapping[str, str]) -> str:
    """Return everything, a line for each value, and the texts of the file as they are."""
    lines = [str(path)]
    for section in sections:
        lines += section.plain(titled=section.title.startswith("stage"))
    for name, text in texts.items():
        lines.append(f"-- {_one_line(name)[:100]}\n{shortened(sanitize_for_terminal(text), _MAX_CHARACTERS)}")
    return "\n".join(lines)


def _laid_out(context: SessionContext, path: Path, sections: Sequence[_Section], texts: Mapping[str, str]) -> str:
    """Return the sections in columns that fit the window, and only the names of the texts in the file."""
    width = context.streams.width() - 1
    lines = [str(path)]
    for section in sections:
        lines += ["", section.title, *section.laid_out(width)] if section.rows else []
    if texts:
        named = ", ".join(f"{_one_line(name)[:100]} ({len(text):,} characters)" for name, text in texts.items())
        lines += ["", *textwrap.wrap(f"texts in the file: {named}", width), "(complete in a pipe or with --verbose)"]
    return "\n".join(lines)


def _metadata_sections(sheet: SheetRecord | None, metadata: ParsedMetadata | None, problem: str) -> Iterable[_Section]:
    if sheet is not None:
        return [_Section(title="sheet", rows=_row("line", sheet.line))]
    if metadata is None:
        return [_Section(title="metadata", rows=[("", sanitize_for_terminal(problem))])]
    return _sections(metadata)


def _sections(metadata: ParsedMetadata) -> Iterator[_Section]:
    """Yield the program and the line, the fields of each stage, the environment, and what the line cannot express."""
    first = [*_row("program", metadata.program), *_row("line", format_line(metadata.stages))]
    yield _Section(title="origin", rows=first)
    for number, stage in enumerate(metadata.stages, start=1):
        yield _Section(title=f"stage {number}" if metadata.earlier else "settings", rows=_settings(stage))
    yield _Section(title="made with", rows=_facts(metadata))
    remarks = [("", f"conflict: {_one_line(text)}") for text in metadata.conflicts]
    remarks += [("", f"not carried over: {_one_line(text)}") for text in metadata.missing]
    yield _Section(title="remarks", rows=remarks)


def _settings(stage: GenerationRequest) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for switch in SWITCHES:
        value = getattr(stage, switch.field)
        rows += _row(switch.name[2:], _format_value(switch, value)) if value is not None else []
    return rows


def _facts(metadata: ParsedMetadata) -> list[tuple[str, str]]:
    facts = [row for name, value in metadata.facts.items() for row in _row(name, value)]
    if metadata.provenance is not None:
        facts += _row("pixels", metadata.provenance.pixel_sha256)
        for name, version in metadata.provenance.environment.items():
            facts += _row(str(name), version)
    return facts


def _format_value(switch: Switch, value: object) -> str:
    """Format the value of a field as typed; prompts without quotes."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if switch.value.prompt_text else switch.value.format(value) or str(value)


def _row(name: str, value: object) -> list[tuple[str, str]]:
    return [(_one_line(name), shortened(_one_line(str(value)), _MAX_CHARACTERS))] if str(value) else []


def _short(value: str) -> str:
    """Return a value for a terminal: of a hash only the start."""
    is_hash = len(value) == _HASH_CHARACTERS and all(character in "0123456789abcdef" for character in value)
    return f"{value[:_SHOWN_OF_HASH]}…" if is_hash else value


def _one_line(text: str) -> str:
    return sanitize_for_terminal(text).replace("\n", " ").replace("\t", " ")
