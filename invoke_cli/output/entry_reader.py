"""History entries read from image files, to rebuild a lost history."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from invoke_cli.errors import MetadataError
from invoke_cli.language.grammar.format import format_line
from invoke_cli.metadata.codecs import decode
from invoke_cli.metadata.containers.text_chunks import parse_chunks, read_bytes
from invoke_cli.metadata.sheet_record import SheetRecord, decode_sheet
from invoke_cli.output.entries import Entry, Parent


def entry_from_file(path: Path, number: int, name: str) -> Entry | None:
    """Return the entry of an image that this program generated; None for any other file.

    Args:
        path: The image.
        number: Its number in the history.
        name: Its path in the history.
    """
    try:
        data = read_bytes(path)
        chunks = parse_chunks(data)
        parsed = decode(chunks)
    except MetadataError:
        return None
    sha256, created = hashlib.sha256(data).hexdigest(), created_at(path)
    sheet = decode_sheet(chunks)
    if sheet is not None:
        return entry_for_sheet(sheet, Entry(number=number, path=name, line="", seed=0, created=created, sha256=sha256))
    if parsed is None or parsed.provenance is None:
        return None
    return Entry(
        number=number,
        path=name,
        line=format_line(parsed.stages),
        seed=(parsed.stages[0].seeds or (0,))[0],
        created=created,
        pixel_sha256=parsed.provenance.pixel_sha256,
        parents=tuple(Parent(name, sha256) for name, sha256 in parsed.provenance.parents),
        sha256=sha256,
    )


def entry_for_sheet(record: SheetRecord, file: Entry) -> Entry:
    """Return the entry of an image composed of others. `file` holds what its file alone provides."""
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
    """Return the time a file was written, in ISO 8601 to the second."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
