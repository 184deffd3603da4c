"""The history of a folder: every image with its line, in SQLite. It can be rebuilt from the images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from invoke_cli.language.grammar.history_query import Query
from invoke_cli.output.database import Database
from invoke_cli.output.entries import (
    COLUMNS,
    Entry,
    Parent,
    entry_from_row,
    insert_entry,
    rebuild_parents,
    remove_from_search,
)
from invoke_cli.output.schema import has_word_index
from invoke_cli.output.search import build_statement

_NUMBERED = re.compile(r"(\d{6,9})\.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Marks:
    """The user's opinion of an image: its rating, None if there is none, and its tags in alphabetical order."""

    rating: int | None = None
    tags: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The rating and the tags in words."""
        return (*([] if self.rating is None else [f"rated {self.rating}"]), *self.tags)


class History(Database):
    """The history database of one folder. Each call opens it, so that several sessions can share it."""

    # -- writing ----------------------------------------------------------------------------------------------------

    def add(self, *entries: Entry) -> None:
        """Add images. An image with the same number is replaced."""
        with self.transaction() as database:
            for entry in entries:
                insert_entry(database, entry)

    def rebuild(self, entries: Iterable[Entry]) -> None:
        """Replace all images by `entries`. The numbers of removed images stay reserved; ratings and tags stay."""
        with self.transaction() as database:
            for (number,) in database.execute("SELECT number FROM images WHERE removed = 0").fetchall():
                remove_from_search(database, number)
            database.execute("DELETE FROM images WHERE removed = 0")
            for entry in entries:
                insert_entry(database, entry)
            rebuild_parents(database)
            database.execute("DELETE FROM facts WHERE number NOT IN (SELECT number FROM images WHERE removed = 0)")

    def mark_pending(self, number: int, path: str) -> None:
        """Record that an image is about to be written to `path`, so that it is found if the process is killed."""
        with self.transaction() as database:
            database.execute("INSERT OR REPLACE INTO begun (number, path) VALUES (?, ?)", (number, path))

    def unmark_pending(self, number: int) -> None:
        """Remove the pending mark of an image that is now in the history and logs, or was never written."""
        with self.transaction() as database:
            database.execute("DELETE FROM begun WHERE number = ?", (number,))

    def mark_removed(self, number: int) -> None:
        """Mark an image as removed; no list contains it any more."""
        with self.transaction() as database:
            remove_from_search(database, number)
            database.execute("UPDATE images SET removed = 1 WHERE number = ?", (number,))
            database.execute("DELETE FROM facts WHERE number = ?", (number,))

    def add_input(self, name: str, sha256: str, suffix: str) -> None:
        """Record the name under which an input was used."""
        with self.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO inputs (name, sha256, suffix) VALUES (?, ?, ?)", (name, sha256, suffix)
            )

    def tag(self, number: int, tag: str, *, on: bool) -> None:
        """Add a tag to an image (`on`) or remove it."""
        change = "INSERT OR IGNORE INTO tags VALUES (?, ?)" if on else "DELETE FROM tags WHERE tag = ? AND number = ?"
        with self.transaction() as database:
            database.execute(change, (tag, number))

    def rate(self, number: int, rating: float | None) -> None:
        """Set the rating of an image; None removes it."""
        with self.transaction() as database:
            database.execute("UPDATE facts SET rating = ? WHERE number = ?", (rating, number))

    # -- reading ----------------------------------------------------------------------------------------------------

    def pending(self) -> dict[int, str]:
        """Return the images that are marked as pending: paths by number."""
        return {int(row[0]): str(row[1]) for row in self.rows("SELECT number, path FROM begun", ())}

    def find_input_by_name(self, name: str) -> str | None:
        """Return the file name, in the store, of the input last used under this name."""
        rows = self.rows("SELECT sha256 || suffix FROM inputs WHERE name = ? ORDER BY used DESC LIMIT 1", (name,))
        return str(rows[0][0]) if rows else None

    def input_name(self, sha256: str) -> str | None:
        """Return the base name under which a stored input was last used; addresses have none."""
        query = "SELECT name FROM inputs WHERE sha256 = ? AND name NOT LIKE '%/%' ORDER BY used DESC LIMIT 1"
        rows = self.rows(query, (sha256,))
        return str(rows[0][0]) if rows else None

    def get(self, number: int) -> Entry | None:
        """Return the image with this number."""
        return next(iter(self._entries("WHERE i.number = ? AND removed = 0", (number,))), None)

    def last(self, back: int = 1) -> Entry | None:
        """Return the last result (1), the one before it (2), and so on. Sheets do not count."""
        order = "WHERE removed = 0 AND kind = '' ORDER BY i.number DESC LIMIT 1 OFFSET ?"
        return next(iter(self._entries(order, (back - 1,))), None)

    def of_run(self, run: str) -> list[Entry]:
        """Return the results of a run, or of all runs of a session if `run` ends with a colon."""
        clause, values = ("run >= ? AND run < ?", (run, f"{run[:-1]};")) if run.endswith(":") else ("run = ?", (run,))
        return self._entries(f"WHERE removed = 0 AND kind = '' AND {clause} ORDER BY i.number", values)

    def recent(self, count: int) -> list[Entry]:
        """Return the last `count` images, oldest first."""
        return self._entries("WHERE removed = 0 ORDER BY i.number DESC LIMIT ?", (count,))[::-1]

    def all(self) -> list[Entry]:
        """Return every image, oldest first."""
        return self._entries("WHERE removed = 0 ORDER BY i.number", ())

    def find(self, query: Query, count: int) -> list[Entry]:
        """Return the last `count` images that match a query, oldest first; case-insensitive."""
        if not self.path.exists():
            return []
        with self.connection() as database:
            query_statement = build_statement(query, count, words=has_word_index(database))
            return [entry_from_row(row) for row in database.execute(query_statement.text, query_statement.values)][::-1]

    def by_hash(self, sha256: str) -> Entry | None:
        """Return the image whose file has this hash."""
        where = "WHERE i.sha256 = ? AND removed = 0 ORDER BY i.number LIMIT 1"
        return next(iter(self._entries(where, (sha256,))), None) if sha256 else None

    def by_pixel_hash(self, pixel_sha256: str) -> Entry | None:
        """Return the first result with these pixels."""
        where = "WHERE i.pixel_sha256 = ? AND removed = 0 AND kind = '' ORDER BY i.number LIMIT 1"
        return next(iter(self._entries(where, (pixel_sha256,))), None) if pixel_sha256 else None

    def by_path(self, path: str) -> Entry | None:
        """Return the image at a path, as the history stores it: relative to the folder or absolute."""
        where = "WHERE i.path = ? AND removed = 0 ORDER BY i.number DESC LIMIT 1"
        return next(iter(self._entries(where, (path,))), None)

    def with_stem(self, stem: str) -> list[Entry]:
        """Return the images with this file name without suffix, and any stored elsewhere with its number."""
        number = int(match[1]) if (match := _NUMBERED.match(stem)) else 0
        found = self._entries("WHERE removed = 0 AND (instr(path, ?) > 0 OR i.number = ?)", (stem, number))
        named = [entry for entry in found if Path(entry.path).stem == stem]
        return named + [entry for entry in found if entry.number == number and Path(entry.path).is_absolute()]

    def parents(self, number: int) -> list[tuple[Parent, int | None]]:
        """Return the files that an image was generated from, each with its number if it is an image of the history."""
        query = "SELECT name, sha256, parent FROM parents WHERE number = ? ORDER BY rowid"
        return [(Parent(name, sha256), parent) for name, sha256, parent in self.rows(query, (number,))]

    def children_of(self, numbers: Sequence[int]) -> Mapping[int, tuple[int, ...]]:
        """Return the numbers of the results generated from each of these images, for those that have any."""
        span = (min(numbers, default=0), max(numbers, default=0))
        query = (
            "SELECT DISTINCT p.parent, p.number FROM parents p JOIN images i ON i.number = p.number "
            "WHERE p.parent BETWEEN ? AND ? AND i.removed = 0 AND i.kind = '' ORDER BY p.parent, p.number"
        )
        found: dict[int, list[int]] = {}
        for parent, number in self.rows(query, span):
            found.setdefault(int(parent), []).append(int(number))
        return {number: tuple(found[number]) for number in numbers if number in found}

    def children(self, number: int | None, sha256: str) -> list[Entry]:
        """Return the results generated from the image with this number, or from a file with this hash and no number."""
        children = "SELECT number FROM parents WHERE parent = ? OR (parent IS NULL AND sha256 = ? AND sha256 != '')"
        where = f"WHERE i.number IN ({children}) AND removed = 0 AND kind = ''"
        return self._entries(f"{where} ORDER BY i.number", (number, sha256))

    def numbers(self) -> set[int]:
        """Return all used numbers, including those of removed and pending images."""
        return {int(row[0]) for row in self.rows("SELECT number FROM images UNION SELECT number FROM begun", ())}

    def annotations(self, numbers: Sequence[int]) -> Mapping[int, tuple[str, ...]]:
        """Return the ratings (as `rated 5`) and tags of images, for those that have any."""
        return {number: marks.texts for number, marks in self.marks(numbers).items()}

    def marks(self, numbers: Sequence[int]) -> Mapping[int, Marks]:
        """Return the ratings and tags of images, for those that have any."""
        span = (min(numbers, default=0), max(numbers, default=0))
        rated = "SELECT number, CAST(rating AS INTEGER) FROM facts WHERE rating > 0 AND number BETWEEN ? AND ?"
        ratings = dict(self.rows(rated, span))
        tags: dict[int, list[str]] = {}
        for number, tag in self.rows("SELECT number, tag FROM tags WHERE number BETWEEN ? AND ? ORDER BY tag", span):
            tags.setdefault(number, []).append(str(tag))
        return {
            number: Marks(rating=ratings.get(number), tags=tuple(tags.get(number, ())))
            for number in numbers
            if number in ratings or number in tags
        }

    def parents_of(self, numbers: Sequence[int]) -> Mapping[int, tuple[tuple[Parent, int | None], ...]]:
        """Return what `parents` does for many images at once, by number, for those that have any."""
        span = (min(numbers, default=0), max(numbers, default=0))
        query = "SELECT number, name, sha256, parent FROM parents WHERE number BETWEEN ? AND ? ORDER BY rowid"
        found: dict[int, list[tuple[Parent, int | None]]] = {}
        for number, name, sha256, parent in self.rows(query, span):
            found.setdefault(number, []).append((Parent(name, sha256), parent))
        return {number: tuple(found[number]) for number in numbers if number in found}

    def _entries(self, clause: str, values: Sequence[object]) -> list[Entry]:
        return [entry_from_row(row) for row in self.rows(f"SELECT {COLUMNS} FROM images i {clause}", values)]
