"""One image of the history: what is kept of it, how it goes into the tables and out of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from invoke_cli.errors import InvokeError
from invoke_cli.language.grammar.history_query import FIELDS
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.language.switches.table import by_field
from invoke_cli.output.schema import has_words

COLUMNS = "i.number, i.path, i.line, i.seed, i.created, i.pixel_sha256, i.parents, i.kind, i.run, i.sha256"


class Parent(NamedTuple):
    """A picture that another was made from: its base name and the hash of its file."""

    name: str
    sha256: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One image. `path` is relative to the folder, absolute when it lies elsewhere; `sha256` is its file's.

    `kind` is empty for a result and names what a picture made of others is: grid, compare and so on. `run` is the
    same for the images of one command of one session: `session:line`.
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


def entry_of(row: tuple[Any, ...]) -> Entry:
    """The entry of a row of `COLUMNS`."""
    parents = tuple(Parent(each) if isinstance(each, str) else Parent(*each) for each in json.loads(row[6]))
    return Entry(
        number=row[0], path=row[1], line=row[2], seed=row[3], created=row[4], pixel_sha256=row[5], parents=parents,
        kind=row[7], run=row[8], sha256=row[9],
    )  # fmt: skip


def put(database: sqlite3.Connection, entry: Entry) -> None:
    """Write an entry into all tables; the same number again replaces it and keeps its rating and tags."""
    withdraw(database, entry.number)
    database.execute(
        "INSERT OR REPLACE INTO images (number, path, line, seed, created, pixel_sha256, parents, kind, run, sha256) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (entry.number, entry.path, entry.line, entry.seed, entry.created, entry.pixel_sha256,
         json.dumps(entry.parents), entry.kind, entry.run, entry.sha256),
    )  # fmt: skip
    _put_facts(database, entry)
    if has_words(database):
        database.execute("INSERT INTO words (rowid, line) VALUES (?, ?)", (entry.number, entry.line))
    _put_parents(database, entry)


def refill(database: sqlite3.Connection) -> None:
    """Facts, words and parents of every image anew, from the images' own rows."""
    entries = [entry_of(row) for row in database.execute(f"SELECT {COLUMNS} FROM images i WHERE removed = 0")]
    for entry in entries:
        _put_facts(database, entry)
        _put_parents(database, entry)
    if has_words(database):
        database.execute("INSERT INTO words (words) VALUES ('rebuild')")


def withdraw(database: sqlite3.Connection, number: int) -> None:
    """Take an image out of what is searched; its own row, its rating and its tags stay."""
    row = database.execute("SELECT line FROM images WHERE number = ? AND removed = 0", (number,)).fetchone()
    if row is not None and has_words(database):
        database.execute("INSERT INTO words (words, rowid, line) VALUES ('delete', ?, ?)", (number, row[0]))
    database.execute("DELETE FROM parents WHERE number = ?", (number,))


def _put_parents(database: sqlite3.Connection, entry: Entry) -> None:
    database.executemany(
        "INSERT OR IGNORE INTO parents (number, name, sha256) VALUES (?, ?, ?)",
        [(entry.number, parent.name, parent.sha256) for parent in entry.parents],
    )


def _put_facts(database: sqlite3.Connection, entry: Entry) -> None:
    values = {"number": entry.number, "created": entry.created, "kind": entry.kind, **facts_of(entry.line)}
    names = ", ".join(values)
    marks = ", ".join("?" for _ in values)
    changes = ", ".join(f"{name} = excluded.{name}" for name in values)
    database.execute(
        f"INSERT INTO facts ({names}) VALUES ({marks}) ON CONFLICT (number) DO UPDATE SET {changes}",
        tuple(values.values()),
    )


def facts_of(line: str) -> Mapping[str, float | str | None]:
    """What a line says that can be compared, for every setting; of a chain what its last stage says."""
    try:
        parsed = parse(line)
    except InvokeError:
        return {}
    if not isinstance(parsed, Generation):
        return {}
    request = parsed.stages[-1].request
    return {field: _plain(field, getattr(request, field)) for field in FIELDS}


def _plain(field: str, value: object) -> float | str | None:
    if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], int):
        value = value[0]
    if value is None or isinstance(value, (int, float, str)):
        return value
    return by_field()[field].value.format(value)
