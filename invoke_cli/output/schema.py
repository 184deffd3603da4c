"""The tables of a folder's history, and how one of an older program becomes one of this.

`images` is what there is; `facts` holds what can be compared, one narrow row for each image; `words` finds parts of
lines of three signs and more; `parents` links pictures by the hash of their files; `tags` are the user's; `lines`
are those that were typed, the latest last.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time

from invoke_cli.language.grammar.history_query import FIELDS

VERSION = 3

_TRIES, _PAUSE = 200, 0.05

_PRAGMAS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
_FIRST = """
CREATE TABLE IF NOT EXISTS images (
    number INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    line TEXT NOT NULL,
    seed INTEGER NOT NULL,
    created TEXT NOT NULL,
    pixel_sha256 TEXT NOT NULL,
    parents TEXT NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS begun (
    number INTEGER PRIMARY KEY,
    path TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS inputs (
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    suffix TEXT NOT NULL,
    used TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (name, sha256)
);
"""
# What each version added; the steps from a database's own version on are done in order.
_ADDED: tuple[tuple[str, ...], ...] = (
    (
        "ALTER TABLE images ADD COLUMN kind TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE images ADD COLUMN run TEXT NOT NULL DEFAULT ''",
    ),
    (
        "ALTER TABLE images ADD COLUMN sha256 TEXT NOT NULL DEFAULT ''",
        "CREATE INDEX images_by_run ON images (run, number)",
        "CREATE INDEX images_by_hash ON images (sha256)",
        "CREATE TABLE facts (number INTEGER PRIMARY KEY, created TEXT, kind TEXT, rating REAL)",
        "CREATE TABLE parents (number INTEGER, name TEXT, sha256 TEXT, PRIMARY KEY (number, name, sha256))",
        "CREATE INDEX parents_by_hash ON parents (sha256, number)",
        "CREATE TABLE tags (tag TEXT, number INTEGER, PRIMARY KEY (tag, number)) WITHOUT ROWID",
        "CREATE INDEX tags_by_number ON tags (number)",
    ),
    (
        "CREATE TABLE lines (line TEXT NOT NULL UNIQUE)",
        "CREATE INDEX images_by_pixels ON images (pixel_sha256)",
    ),
)  # fmt: skip
_WORDS = "CREATE VIRTUAL TABLE words USING fts5 (line, content='images', content_rowid='number', tokenize='trigram')"


def prepare(database: sqlite3.Connection) -> bool:
    """Bring the tables up to date; nothing to do when they are. True when rows of an older program need new facts."""
    if _version(database) == VERSION and not _missing_columns(database):
        return False
    _begin(database)
    with database:
        database.execute("BEGIN IMMEDIATE")
        found = _version(database)
        for statements in _ADDED[found:]:
            for statement in statements:
                database.execute(statement)
        if found < VERSION:
            with contextlib.suppress(sqlite3.OperationalError):  # an SQLite without full-text search reads the lines
                database.execute(_WORDS)
        missing = _missing_columns(database)
        for field in missing:
            database.execute(f"ALTER TABLE facts ADD COLUMN {field}")
        database.execute(f"PRAGMA user_version = {VERSION}")
        old = database.execute("SELECT 1 FROM images LIMIT 1").fetchone() is not None
    return old and bool(missing)


def _begin(database: sqlite3.Connection) -> None:
    """The first tables. A database that two open at once for the first time is locked for one, which no timeout of
    SQLite's own waits for.
    """
    for waiting in range(_TRIES, -1, -1):
        try:
            database.executescript(_PRAGMAS + _FIRST)
            return
        except sqlite3.OperationalError as error:
            if not waiting or "locked" not in str(error):
                raise
            time.sleep(_PAUSE)


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _missing_columns(database: sqlite3.Connection) -> list[str]:
    """The settings that the switch table has and the facts do not know yet."""
    columns = {column[0] for column in database.execute("SELECT * FROM facts LIMIT 0").description}
    return [field for field in FIELDS if field not in columns]


def has_words(database: sqlite3.Connection) -> bool:
    """Whether lines can be searched without reading them all."""
    return database.execute("SELECT 1 FROM sqlite_master WHERE name = 'words'").fetchone() is not None
