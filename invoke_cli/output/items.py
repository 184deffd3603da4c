"""The answers of commands as data: the items of `--json` messages, which `assets/events.schema.json` describes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from invoke_cli.events import Item
from invoke_cli.imaging.sheets.plot import Bar
from invoke_cli.output.entries import Entry, Parent
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.history import Marks


def image_items(folder: OutputFolder, entries: Sequence[Entry]) -> list[Item]:
    """Return images of the history, with their ratings, tags and parents."""
    numbers = [entry.number for entry in entries]
    marks, parents = folder.history.marks(numbers), folder.history.parents_of(numbers)
    return [
        {
            "kind": "image",
            "number": entry.number,
            "path": str(folder.path_of(entry)),
            "line": entry.line,
            "seed": entry.seed,
            "created": entry.created,
            "sheet": entry.kind or None,
            "rating": marks.get(entry.number, Marks()).rating,
            "tags": marks.get(entry.number, Marks()).tags,
            "parents": [_parent(*each) for each in parents.get(entry.number, ())],
        }
        for entry in entries
    ]


def _parent(file: Parent, number: int | None) -> Item:
    return {"name": file.name, "sha256": file.sha256, "number": number}


def file_item(path: Path, number: int | None = None, line: str | None = None) -> Item:
    """Return a file that a command has written; `number` and `line` if it is an image of the history."""
    return {"kind": "file", "path": str(path), "number": number, "line": line}


def line_item(line: str, name: str | None = None) -> Item:
    """Return a line; `name` if it is that of an alias."""
    return {"kind": "line", "name": name, "line": line}


def bar_items(bars: Sequence[Bar]) -> list[Item]:
    """Return the bars of a chart."""
    return [{"kind": "bar", "label": bar.label, "begin": bar.begin, "end": bar.end, "note": bar.note} for bar in bars]
