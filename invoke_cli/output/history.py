"""The history of a folder: every image with its line, in SQLite. Can be rebuilt from the images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from invoke_cli.language.grammar.history_query import Query
from invoke_cli.output.database import Database
from invoke_cli.output.entries import COLUMNS, Entry, entry_of, put, withdraw
from invoke_cli.output.schema import has_words
from invoke_cli.output.search import statement


class History(Database):
    """Reads and writes the database of one folder. Each call opens it anew: two sessions at once do no harm."""

    # -- writing ----------------------------------------------------------------------------------------------------

    def add(self, *entries: Entry) -> None:
        """Remember images; the same number again replaces one."""
        with self.writing() as database:
            for entry in entries:
                put(database, entry)

    def rebuild(self, entries: Iterable[Entry]) -> None:
        """Forget all images and remember these; removed numbers stay taken, ratings and tags stay."""
        with self.writing() as database:
            for (number,) in database.execute("SELECT number FROM images WHERE removed = 0").fetchall():
                withdraw(database, number)
            database.execute("DELETE FROM images WHERE removed = 0")
            for entry in entries:
                put(database, entry)
            database.execute("DELETE FROM facts WHERE number NOT IN (SELECT number FROM images WHERE removed = 0)")

    def begin(self, number: int, path: str) -> None:
        """Remember that an image is about to appear at `path`, so that it is found if nobody lives to enter it."""
        with self.writing() as database:
            database.execute("INSERT OR REPLACE INTO begun (number, path) VALUES (?, ?)", (number, path))

    def ended(self, number: int) -> None:
        """An image that was begun is in all books now, or never appeared."""
        with self.writing() as database:
            database.execute("DELETE FROM begun WHERE number = ?", (number,))

    def moved(self, path: str, now: str) -> None:
        """The image that lay at `path` now lies somewhere else."""
        with self.writing() as database:
            database.execute("UPDATE images SET path = ? WHERE path = ?", (now, path))

    def mark_removed(self, number: int) -> None:
        """Leave an image out of every list."""
        with self.writing() as database:
            withdraw(database, number)
            database.execute("UPDATE images SET removed = 1 WHERE number = ?", (number,))
            database.execute("DELETE FROM facts WHERE number = ?", (number,))

    def add_input(self, name: str, sha256: str, suffix: str) -> None:
        """Remember under which name an input was used."""
        with self.writing() as database:
            database.execute(
                "INSERT OR REPLACE INTO inputs (name, sha256, suffix) VALUES (?, ?, ?)", (name, sha256, suffix)
            )

    def tag(self, number: int, tag: str, *, on: bool) -> None:
        """Give an image a tag, or take it away."""
        change = "INSERT OR IGNORE INTO tags VALUES (?, ?)" if on else "DELETE FROM tags WHERE tag = ? AND number = ?"
        with self.writing() as database:
            database.execute(change, (tag, number))

    def rate(self, number: int, rating: float | None) -> None:
        """Give an image a rating, or take it away."""
        with self.writing() as database:
            database.execute("UPDATE facts SET rating = ? WHERE number = ?", (rating, number))

    # -- reading ----------------------------------------------------------------------------------------------------

    def begun(self) -> dict[int, str]:
        """The images that were begun and not entered: paths by number."""
        return {int(row[0]): str(row[1]) for row in self.rows("SELECT number, path FROM begun", ())}

    def input_named(self, name: str) -> str | None:
        """The file name, in the store, of the input last used under this name."""
        rows = self.rows("SELECT sha256 || suffix FROM inputs WHERE name = ? ORDER BY used DESC LIMIT 1", (name,))
        return str(rows[0][0]) if rows else None

    def get(self, number: int) -> Entry | None:
        """The image of this number."""
        return next(iter(self._entries("WHERE i.number = ? AND removed = 0", (number,))), None)

    def last(self, back: int = 1) -> Entry | None:
        """The last result (1), the one before it (2), and so on; pictures made of others do not count."""
        order = "WHERE removed = 0 AND kind = '' ORDER BY i.number DESC LIMIT 1 OFFSET ?"
        return next(iter(self._entries(order, (back - 1,))), None)

    def of_run(self, run: str) -> list[Entry]:
        """The results of a run, or of all runs of a session when `run` ends with its colon."""
        clause, values = ("run >= ? AND run < ?", (run, f"{run[:-1]};")) if run.endswith(":") else ("run = ?", (run,))
        return self._entries(f"WHERE removed = 0 AND kind = '' AND {clause} ORDER BY i.number", values)

    def recent(self, count: int) -> list[Entry]:
        """The last `count` images, oldest first."""
        return self._entries("WHERE removed = 0 ORDER BY i.number DESC LIMIT ?", (count,))[::-1]

    def all(self) -> list[Entry]:
        """Every image, oldest first."""
        return self._entries("WHERE removed = 0 ORDER BY i.number", ())

    def find(self, query: Query, count: int) -> list[Entry]:
        """The last images that answer a query, oldest first; case does not matter."""
        if not self.path.exists():
            return []
        with self.opened() as database:
            asked = statement(query, count, words=has_words(database))
            return [entry_of(row) for row in database.execute(asked.text, asked.values)][::-1]

    def by_hash(self, sha256: str) -> Entry | None:
        """The image whose file has this hash."""
        where = "WHERE i.sha256 = ? AND removed = 0 ORDER BY i.number LIMIT 1"
        return next(iter(self._entries(where, (sha256,))), None) if sha256 else None

    def with_pixels(self, pixel_sha256: str) -> Entry | None:
        """The result that has these pixels, the first where several have."""
        where = "WHERE i.pixel_sha256 = ? AND removed = 0 AND kind = '' ORDER BY i.number LIMIT 1"
        return next(iter(self._entries(where, (pixel_sha256,))), None) if pixel_sha256 else None

    def children(self, sha256: str) -> list[Entry]:
        """The results that were made from the file of this hash."""
        where = "WHERE i.number IN (SELECT number FROM parents WHERE sha256 = ?) AND removed = 0 AND kind = ''"
        return self._entries(f"{where} ORDER BY i.number", (sha256,)) if sha256 else []

    def numbers(self) -> set[int]:
        """All numbers that are taken, those of removed images and of begun ones too."""
        return {int(row[0]) for row in self.rows("SELECT number FROM images UNION SELECT number FROM begun", ())}

    def marks(self, numbers: Sequence[int]) -> Mapping[int, tuple[str, ...]]:
        """What the user said of images: `rated 5` and tags, for those with any."""
        span = (min(numbers, default=0), max(numbers, default=0))
        rated = (
            "SELECT number, 'rated ' || CAST(rating AS INTEGER) FROM facts WHERE rating > 0 AND number BETWEEN ? AND ?"
        )
        tagged = "SELECT number, tag FROM tags WHERE number BETWEEN ? AND ? ORDER BY tag"
        found: dict[int, tuple[str, ...]] = {}
        for number, mark in [*self.rows(rated, span), *self.rows(tagged, span)]:
            found[number] = (*found.get(number, ()), str(mark))
        return {number: found[number] for number in numbers if number in found}

    def _entries(self, clause: str, values: Sequence[object]) -> list[Entry]:
        return [entry_of(row) for row in self.rows(f"SELECT {COLUMNS} FROM images i {clause}", values)]
