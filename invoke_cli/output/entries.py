"""An image of the history, and how it is written to the tables and read from them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from invoke_cli.errors import InvokeError
from invoke_cli.language.grammar.history_query import FIELDS
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.language.switches.table import by_field
from invoke_cli.output.schema import has_word_index

COLUMNS = "i.number, i.path, i.line, i.seed, i.created, i.pixel_sha256, i.parents, i.kind, i.run, i.sha256"


# A column of integers holds 64 bits with a sign: seeds from 2⁶³ on are stored as negative numbers.
_UNSIGNED = 2**64
_EXACT = 2**53  # comparisons are made with floating-point numbers
UNLISTED = 0  # the number of an image that no history lists: one in a file named by -o


class Parent(NamedTuple):
    """A source of an image: its base name and the hash of its file."""

    name: str
    sha256: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An image of the history.

    Attributes:
        number: Its number in the folder; UNLISTED for an image outside the history.
        path: Its path, relative to the folder; absolute if the file is stored elsewhere.
        line: The line that reproduces it.
        seed: The seed of its first stage.
        created: The time it was written, ISO 8601.
        pixel_sha256: The hash of its RGB bytes.
        parents: The images it was generated from.
        kind: Empty for a result; the kind of sheet (grid, compare, …) for an image composed of others.
        run: Identifies the command of a session that wrote it: `session:line`.
        sha256: The hash of its file.
    """

    number: int
    path: str
    line: str
    seed: int
    created: str
    pixel_sha256: str = ""
    parents: tuple[Parent, ...] = ()
    kind: str = ""
    run: str = ""
    sha256: str = ""


def entry_from_row(row: tuple[Any, ...]) -> Entry:
    """Convert a row of `COLUMNS` to an entry."""
    parents = tuple(Parent(each) if isinstance(each, str) else Parent(*each) for each in json.loads(row[6]))
    return Entry(
        number=row[0], path=row[1], line=row[2], seed=row[3] % _UNSIGNED, created=row[4], pixel_sha256=row[5],
        parents=parents, kind=row[7], run=row[8], sha256=row[9],
    )  # fmt: skip


def insert_entry(database: sqlite3.Connection, entry: Entry) -> None:
    """Write an entry to all tables. An entry with the same number is replaced; its rating and tags stay."""
    remove_from_search(database, entry.number)
    database.execute(
        "INSERT OR REPLACE INTO images (number, path, line, seed, created, pixel_sha256, parents, kind, run, sha256) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (entry.number, entry.path, entry.line, _signed(entry.seed), entry.created, entry.pixel_sha256,
         json.dumps(entry.parents), entry.kind, entry.run, entry.sha256),
    )  # fmt: skip
    _put_facts(database, entry)
    if has_word_index(database):
        database.execute("INSERT INTO words (rowid, line) VALUES (?, ?)", (entry.number, entry.line))
    _put_parents(database, entry)


def _signed(seed: int) -> int:
    return seed - _UNSIGNED if seed >= _UNSIGNED // 2 else seed


def rebuild_search_tables(database: sqlite3.Connection) -> None:
    """Rebuild the facts, words and parents of every image from the table of images."""
    entries = _all_entries(database)
    for entry in entries:
        _put_facts(database, entry)
    rebuild_parents(database)
    if has_word_index(database):
        database.execute("INSERT INTO words (words) VALUES ('rebuild')")


def rebuild_parents(database: sqlite3.Connection) -> None:
    """Rebuild the links between images, after all of them have been added."""
    database.execute("DELETE FROM parents")
    for entry in _all_entries(database):
        _put_parents(database, entry)


def _all_entries(database: sqlite3.Connection) -> list[Entry]:
    return [entry_from_row(row) for row in database.execute(f"SELECT {COLUMNS} FROM images i WHERE removed = 0")]


def remove_from_search(database: sqlite3.Connection, number: int) -> None:
    """Remove an image from the word index and the parents; its row, rating and tags stay."""
    row = database.execute("SELECT line FROM images WHERE number = ? AND removed = 0", (number,)).fetchone()
    if row is not None and has_word_index(database):
        database.execute("INSERT INTO words (words, rowid, line) VALUES ('delete', ?, ?)", (number, row[0]))
    database.execute("DELETE FROM parents WHERE number = ?", (number,))


def _put_parents(database: sqlite3.Connection, entry: Entry) -> None:
    database.executemany(
        "INSERT OR IGNORE INTO parents (number, name, sha256, parent) VALUES (?, ?, ?, ?)",
        [(entry.number, *parent, _number_of_parent(database, parent, entry.number)) for parent in entry.parents],
    )


def _number_of_parent(database: sqlite3.Connection, parent: Parent, child: int) -> int | None:
    """Return the number of the image that is a parent; None for another file.

    Of identical files, it is the one with the parent's name: in the folder rather than replaced, hence in the trash.
    """
    query = "SELECT number, path, removed FROM images WHERE sha256 = ? AND sha256 != '' AND number != ? ORDER BY number"
    found = database.execute(query, (parent.sha256, child)).fetchall()
    named = sorted((row for row in found if Path(row[1]).name == parent.name), key=lambda row: row[1].startswith("."))
    present = [row for row in found if not row[2]]
    return next((int(row[0]) for row in (*named, *present)), None)


def _put_facts(database: sqlite3.Connection, entry: Entry) -> None:
    values = {"number": entry.number, "created": entry.created, "kind": entry.kind, **facts_from_line(entry.line)}
    names = ", ".join(values)
    placeholders = ", ".join("?" for _ in values)
    changes = ", ".join(f"{name} = excluded.{name}" for name in values)
    database.execute(
        f"INSERT INTO facts ({names}) VALUES ({placeholders}) ON CONFLICT (number) DO UPDATE SET {changes}",
        tuple(values.values()),
    )


def facts_from_line(line: str) -> Mapping[str, float | str | None]:
    """Return the comparable settings of a line by field; those of the last stage if it is a chain."""
    try:
        parsed = parse(line)
    except InvokeError:
        return {}
    if not isinstance(parsed, Generation):
        return {}
    request = parsed.stages[-1].request
    return {field: _to_column(field, getattr(request, field)) for field in FIELDS}


def _to_column(field: str, value: object) -> float | str | None:
    if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], int):
        value = value[0]
    if isinstance(value, int) and value > _EXACT:
        return float(value)
    if value is None or isinstance(value, (int, float, str)):
        return value
    return by_field()[field].value.format(value)
