"""The database of one output folder. It is opened for each call, so that several sessions can share it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from invoke_cli.errors import OutputError
from invoke_cli.output.entries import COLUMNS, rebuild_search_tables
from invoke_cli.output.files import create_private, make_folder
from invoke_cli.output.schema import update_schema

_BUSY_SECONDS = 30
_MAX_INTEGER = 2**63 - 1
_MAX_CHECKED_BYTES = 20_000_000  # a larger database is not read whole at every start


def _within_range(value: object) -> object:
    """Return an integer that SQLite can store, the nearest to the value; other values as they are."""
    return max(-_MAX_INTEGER, min(_MAX_INTEGER, value)) if isinstance(value, int) else value


class Database:
    """The SQLite database at `path`, with the current schema.

    Attributes:
        is_unlockable: Whether its file system cannot lock files, as on some network drives. The write-ahead log, whose
            index is shared memory, would be damaged by sessions on several machines there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_unlockable = False

    def set_aside_if_damaged(self) -> None:
        """Rename a database that cannot be read to `damaged-…`; it can be rebuilt from the images."""
        if not self.path.exists():
            return
        try:
            with closing(self._connect()) as database:
                is_small = self.path.stat().st_size < _MAX_CHECKED_BYTES
                is_intact = not is_small or database.execute("PRAGMA quick_check").fetchone() == ("ok",)
                database.execute(f"SELECT {COLUMNS}, i.removed FROM images i LIMIT 1").fetchone()
        except sqlite3.OperationalError as error:
            if "no such column" not in str(error):
                raise self._usage_error(error) from None
            is_intact = False
        except sqlite3.DatabaseError:
            is_intact = False
        if not is_intact:
            for suffix in ("", "-wal", "-shm"):
                part = self.path.with_name(self.path.name + suffix)
                if part.exists():
                    part.replace(part.with_name(f"damaged-{part.name}"))

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query; an empty list if there is no database yet."""
        if not self.path.exists():
            return []
        with self.connection() as database:
            return database.execute(query, tuple(map(_within_range, values))).fetchall()

    def _open(self) -> sqlite3.Connection:
        """Create the folder and open the database; again if the folder is renamed meanwhile."""
        make_folder(self.path.parent)
        try:
            return self._connect()
        except (sqlite3.OperationalError, OSError):
            if self.path.parent.exists():
                raise
        make_folder(self.path.parent)
        return self._connect()

    def _connect(self) -> sqlite3.Connection:
        """Open the database and update its schema, in one transaction; one that is read-only is opened as it is."""
        if self.path.exists() and not (os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)):
            return self._connect_read_only()
        create_private(self.path)  # SQLite gives its journals the same permissions
        database = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            if update_schema(database):
                database.execute("BEGIN IMMEDIATE")
                rebuild_search_tables(database)
                database.execute("COMMIT")
            if self.is_unlockable:
                database.execute("PRAGMA journal_mode = DELETE")
        except BaseException:
            database.close()
            raise
        return database

    def _connect_read_only(self) -> sqlite3.Connection:
        """Open a database that cannot be written, and neither can the index of its journal."""
        address = f"file:{quote(str(self.path.absolute()))}?mode=ro"
        for options in ("", "&immutable=1"):
            database = sqlite3.connect(f"{address}{options}", uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
            try:
                database.execute("SELECT 1 FROM images LIMIT 1").fetchone()
            except sqlite3.OperationalError:
                database.close()
                if options:
                    raise
            else:
                return database
        raise AssertionError

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Open the database for the duration of the block.

        Raises:
            OutputError: It cannot be used.
        """
        try:
            with closing(self._open()) as database:
                yield database
        except (sqlite3.Error, OSError) as error:
            raise self._usage_error(error) from None

    def _usage_error(self, error: sqlite3.Error | OSError) -> OutputError:
        """Return the error for an unusable database. Only a damaged one may be moved away: one that is locked, not
        permitted or on a full disk is to be kept.
        """
        hint = f"move {self.path.name} away: a new one is built from the images"
        if isinstance(error, (sqlite3.OperationalError, OSError)):
            hint = (
                "check the free space, the permissions, and whether another program uses it; finished images are kept"
            )
        return OutputError(f"cannot use the history {self.path}: {error}", hint=hint)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block in one transaction.

        It takes the write lock at once: SQLite's timeout does not apply when a read transaction is upgraded.
        """
        with self.connection() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")
