"""The history of a folder: every image with its line, in SQLite. Can be rebuilt from the images."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invoke_cli.errors import OutputError
from invoke_cli.output.schema import prepare

_BUSY_SECONDS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One image. `path` is relative to the folder, absolute when it lies elsewhere; `parents` are names.

    `kind` is empty for a result and names what a picture made of others is: grid, compare and so on. `run` is the
    same for the images of one command of one session: `session:line`.
    """

    number: int
    path: str
    line: str
    seed: int
    created: str
    pixel_sha256: str = ""
    parents: tuple[str, ...] = ()
    kind: str = ""
    run: str = ""


class History:
    """Reads and writes the database of one folder. Each call opens it anew: two sessions at once do no harm."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def set_aside_when_damaged(self) -> None:
        """Move a database that cannot be read out of the way; the images tell of themselves again."""
        if not self._path.exists():
            return
        try:
            with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as database:
                prepare(database)
                sound = database.execute("PRAGMA quick_check").fetchone() == ("ok",)
                database.execute(
                    "SELECT number, path, line, seed, created, pixel_sha256, parents, kind, run, removed FROM images"
                )
        except sqlite3.OperationalError as error:
            if "no such column" not in str(error):
                hint = "check its permissions, and whether another program holds it"
                raise OutputError(f"the history {self._path} cannot be used: {error}", hint=hint) from None
            sound = False
        except sqlite3.DatabaseError:
            sound = False
        if not sound:
            for suffix in ("", "-wal", "-shm"):
                part = self._path.with_name(self._path.name + suffix)
                if part.exists():
                    part.replace(part.with_name(f"damaged-{part.name}"))

    def add(self, entry: Entry) -> None:
        """Remember an image; the same number again replaces it."""
        row = (
            entry.number,
            entry.path,
            entry.line,
            entry.seed,
            entry.created,
            entry.pixel_sha256,
            entry.kind,
            entry.run,
        )
        with self._open() as database:
            database.execute(
                "INSERT OR REPLACE INTO images (number, path, line, seed, created, pixel_sha256, kind, run, parents) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, json.dumps(entry.parents)),
            )

    def begin(self, number: int, path: str) -> None:
        """Remember that an image is about to appear at `path`, so that it is found if nobody lives to enter it."""
        with self._open() as database:
            database.execute("INSERT OR REPLACE INTO begun (number, path) VALUES (?, ?)", (number, path))

    def begun(self) -> dict[int, str]:
        """The images that were begun and not entered: paths by number."""
        return {int(row[0]): str(row[1]) for row in self._rows("SELECT number, path FROM begun", ())}

    def ended(self, number: int) -> None:
        """An image that was begun is in all books now, or never appeared."""
        with self._open() as database:
            database.execute("DELETE FROM begun WHERE number = ?", (number,))

    def moved(self, path: str, now: str) -> None:
        """The image that lay at `path` now lies somewhere else."""
        with self._open() as database:
            database.execute("UPDATE images SET path = ? WHERE path = ?", (now, path))

    def add_input(self, name: str, sha256: str, suffix: str) -> None:
        """Remember under which name an input was used."""
        with self._open() as database:
            database.execute(
                "INSERT OR REPLACE INTO inputs (name, sha256, suffix) VALUES (?, ?, ?)", (name, sha256, suffix)
            )

    def input_named(self, name: str) -> str | None:
        """The file name, in the store, of the input last used under this name."""
        rows = self._rows("SELECT sha256 || suffix FROM inputs WHERE name = ? ORDER BY used DESC LIMIT 1", (name,))
        return str(rows[0][0]) if rows else None

    def get(self, number: int) -> Entry | None:
        """The image of this number."""
        return next(iter(self._entries("WHERE number = ? AND removed = 0", (number,))), None)

    def last(self, back: int = 1) -> Entry | None:
        """The last result (1), the one before it (2), and so on; pictures made of others do not count."""
        order = "WHERE removed = 0 AND kind = '' ORDER BY number DESC LIMIT 1 OFFSET ?"
        return next(iter(self._entries(order, (back - 1,))), None)

    def of_run(self, run: str) -> list[Entry]:
        """The results of a run, or of all runs of a session when `run` ends with its colon."""
        clause = "substr(run, 1, ?) = ?" if run.endswith(":") else "length(run) >= ? AND run = ?"
        return self._entries(f"WHERE removed = 0 AND kind = '' AND {clause} ORDER BY number", (len(run), run))

    def recent(self, count: int) -> list[Entry]:
        """The last `count` images, oldest first."""
        return self._entries("WHERE removed = 0 ORDER BY number DESC LIMIT ?", (count,))[::-1]

    def search(self, words: Sequence[str], count: int) -> list[Entry]:
        """The last images whose line holds all words, oldest first; case does not matter."""
        clauses = "".join(" AND line LIKE ? ESCAPE '\\'" for _ in words)
        patterns = [f"%{_like(word)}%" for word in words]
        found = self._entries(f"WHERE removed = 0{clauses} ORDER BY number DESC LIMIT ?", (*patterns, count))
        return found[::-1]

    def numbers(self) -> set[int]:
        """All numbers that are taken, those of removed images and of begun ones too."""
        return {int(row[0]) for row in self._rows("SELECT number FROM images UNION SELECT number FROM begun", ())}

    def mark_removed(self, number: int) -> None:
        """Leave an image out of every list."""
        with self._open() as database:
            database.execute("UPDATE images SET removed = 1 WHERE number = ?", (number,))

    def _entries(self, clause: str, values: Sequence[object]) -> list[Entry]:
        columns = "number, path, line, seed, created, pixel_sha256, parents, kind, run"
        return [
            Entry(
                number=row[0], path=row[1], line=row[2], seed=row[3], created=row[4], pixel_sha256=row[5],
                parents=tuple(json.loads(row[6])), kind=row[7], run=row[8],
            )
            for row in self._rows(f"SELECT {columns} FROM images {clause}", values)
        ]  # fmt: skip

    def _rows(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        if not self._path.exists():
            return []
        with self._open() as database:
            return database.execute(query, tuple(values)).fetchall()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as database:
                prepare(database)
                with database:
                    yield database
        except (sqlite3.Error, OSError) as error:
            hint = f"move {self._path.name} away: a new one is made from the images"
            raise OutputError(f"the history {self._path} cannot be used: {error}", hint=hint) from None


def _like(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
