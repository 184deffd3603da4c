"""The metadata of an image composed of others: the command that made it and its images, as one JSON chunk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from invoke_cli.documents import parse_json
from invoke_cli.language.grammar.quotes import quote_value
from invoke_cli.metadata.codec import Chunks
from invoke_cli.version import __version__

KEYWORD = "invoke-sheet"
GRID = "grid"
APP_ID = "invoke-cli"


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetImage:
    """An image of a sheet: its base name, the hash of its file, and its line if it has one."""

    name: str
    sha256: str = ""
    line: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetRecord:
    """A sheet's kind (grid, compare, plot, contact), the line that reproduces it, and its images in order."""

    kind: str
    line: str
    shows: tuple[SheetImage, ...] = ()


def sheet_line(kind: str, shows: Sequence[SheetImage], *options: str) -> str:
    """Return the line that lays these images out again."""
    return " ".join([f"!{kind}", *options, *(quote_value(shown.name) for shown in shows)])


def encode_sheet(record: SheetRecord) -> dict[str, str]:
    """Return the chunk to write for a sheet; ASCII."""
    return {KEYWORD: json.dumps({"app_id": APP_ID, "app_version": __version__, **asdict(record)})}


def decode_sheet(chunks: Chunks) -> SheetRecord | None:
    """Parse a sheet's metadata; None for any other image."""
    try:
        document = parse_json(chunks.get(KEYWORD, ""))
        shows = tuple(SheetImage(**{key: str(value) for key, value in shown.items()}) for shown in document["shows"])
        return SheetRecord(kind=str(document["kind"]), line=str(document["line"]), shows=shows)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
