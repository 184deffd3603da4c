"""What the books say of an image, from its file alone: a history that is lost is read again from these."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from invoke_cli.errors import MetadataError
from invoke_cli.language.grammar.format import format_line
from invoke_cli.metadata import decode
from invoke_cli.metadata.containers.text_chunks import parse_chunks, read_bytes
from invoke_cli.metadata.sheet_record import SheetRecord, decode_sheet
from invoke_cli.output.entries import Entry, Parent


def entry_from_file(path: Path, number: int, name: str) -> Entry | None:
    """The entry of an image that this program made; None for any other file. `name` is how the books call it."""
    try:
        data = read_bytes(path)
        chunks = parse_chunks(data)
        recalled = decode(chunks)
    except MetadataError:
        return None
    sha256, created = hashlib.sha256(data).hexdigest(), created_at(path)
    sheet = decode_sheet(chunks)
    if sheet is not None:
        return sheet_entry(sheet, Entry(number=number, path=name, line="", seed=0, created=created, sha256=sha256))
    if recalled is None or recalled.provenance is None:
        return None
    return Entry(
        number=number,
        path=name,
        line=format_line(recalled.stages),
        seed=(recalled.stages[0].seeds or (0,))[0],
        created=created,
        pixel_sha256=recalled.provenance.pixel_sha256,
        parents=tuple(Parent(name, sha256) for name, sha256 in recalled.provenance.parents),
        sha256=sha256,
    )


def sheet_entry(record: SheetRecord, file: Entry) -> Entry:
    """What the history says of a picture made of others; `file` holds what its file alone tells."""
    return Entry(
        number=file.number,
        path=file.path,
        line=record.line,
        seed=0,
        created=file.created,
        parents=tuple(Parent(shown.name, shown.sha256) for shown in record.shows),
        kind=record.kind,
        sha256=file.sha256,
    )


def created_at(path: Path) -> str:
    """When a file was written, to the second, as the books write times."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
