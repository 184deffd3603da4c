"""The database of one output folder: opened anew for each call, so that two sessions at once do no harm."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from invoke_cli.errors import OutputError
from invoke_cli.output.entries import COLUMNS, refill
from invoke_cli.output.schema import prepare

_BUSY_SECONDS = 30
_CHECKED_BYTES = 20_000_000  # a larger database is not read whole at every start


class Database:
    """The file `path`, with its tables as this program wants them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def set_aside_when_damaged(self) -> None:
        """Move a database that cannot be read out of the way; the images tell of themselves again."""
        if not self.path.exists():
            return
        try:
            with closing(self._connected()) as database:
                small = self.path.stat().st_size < _CHECKED_BYTES
                sound = not small or database.execute("PRAGMA quick_check").fetchone() == ("ok",)
                database.execute(f"SELECT {COLUMNS}, i.removed FROM images i LIMIT 1").fetchone()
        except sqlite3.OperationalError as error:
            if "no such column" not in str(error):
                raise self._unusable(error) from None
            sound = False
        except sqlite3.DatabaseError:
            sound = False
        if not sound:
            for suffix in ("", "-wal", "-shm"):
                part = self.path.with_name(self.path.name + suffix)
                if part.exists():
                    part.replace(part.with_name(f"damaged-{part.name}"))

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What a query finds; nothing where there is no database yet."""
        if not self.path.exists():
            return []
        with self.opened() as database:
            return database.execute(query, tuple(values)).fetchall()

    def _connected(self) -> sqlite3.Connection:
        """The database with its tables as this program wants them; each change of it is one transaction."""
        database = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            if prepare(database):
                database.execute("BEGIN IMMEDIATE")
                refill(database)
                database.execute("COMMIT")
        except BaseException:
            database.close()
            raise
        return database

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """The database; OutputError when it cannot be used."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connected()) as database:
                yield database
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from None

    def _unusable(self, error: sqlite3.Error | OSError) -> OutputError:
        """What is wrong with it. A damaged one may go; one without room, permission or peace is to be kept."""
        hint = f"move {self.path.name} away: a new one is made from the images"
        if isinstance(error, (sqlite3.OperationalError, OSError)):
            hint = (
                "check the free space, its permissions, and whether another program holds it; finished images are kept"
            )
        return OutputError(f"the history {self.path} cannot be used: {error}", hint=hint)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, which takes the write lock at once: waiting for it later could not be patient."""
        with self.opened() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")
