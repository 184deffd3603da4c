"""The tables of a folder's history and their migrations.

`images` holds every image; `facts` the comparable settings, one narrow row per image; `words` is a full-text index for
parts of lines of at least three characters; `parents` links images by number and by the hash of their files; `tags`
are the user's; `lines` are the typed lines, the latest last.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time

from invoke_cli.language.grammar.history_query import FIELDS

VERSION = 4

_MAX_RETRIES, _RETRY_SECONDS = 200, 0.05

_PRAGMAS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
_INITIAL_TABLES = """
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
# The statements of each version; those after a database's own version are run in order.
_MIGRATIONS: tuple[tuple[str, ...], ...] = (
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
    (
        "ALTER TABLE parents ADD COLUMN parent INTEGER",
        "CREATE INDEX parents_by_number ON parents (parent, number)",
    ),
)  # fmt: skip
_WORD_INDEX = (
    "CREATE VIRTUAL TABLE words USING fts5 (line, content='images', content_rowid='number', tokenize='trigram')"
)


def update_schema(database: sqlite3.Connection) -> bool:
    """Migrate the tables to the current schema. Return whether the search tables of existing images must be rebuilt."""
    if _version(database) == VERSION and not _missing_columns(database):
        return False
    _create_tables(database)
    with database:
        database.execute("BEGIN IMMEDIATE")
        version = _version(database)
        for statements in _MIGRATIONS[version:]:
            for statement in statements:
                database.execute(statement)
        if version < VERSION:
            # Without full-text search in SQLite, the lines are scanned.
            with contextlib.suppress(sqlite3.OperationalError):
                database.execute(_WORD_INDEX)
        missing_columns = _missing_columns(database)
        for field in missing_columns:
            database.execute(f"ALTER TABLE facts ADD COLUMN {field}")
        database.execute(f"PRAGMA user_version = {VERSION}")
        has_images = database.execute("SELECT 1 FROM images LIMIT 1").fetchone() is not None
    return has_images and (version < VERSION or bool(missing_columns))


def _create_tables(database: sqlite3.Connection) -> None:
    """Create the initial tables. SQLite's timeout does not cover two processes that create the database at the same
    time, hence the retries.
    """
    for attempts_left in range(_MAX_RETRIES, -1, -1):
        try:
            database.executescript(_PRAGMAS + _INITIAL_TABLES)
            return
        except sqlite3.OperationalError as error:
            if not attempts_left or "locked" not in str(error):
                raise
            time.sleep(_RETRY_SECONDS)


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _missing_columns(database: sqlite3.Connection) -> list[str]:
    """Return the settings of the switch table that are not columns of `facts` yet."""
    columns = {column[0] for column in database.execute("SELECT * FROM facts LIMIT 0").description}
    return [field for field in FIELDS if field not in columns]


def has_word_index(database: sqlite3.Connection) -> bool:
    """Return whether there is a full-text index of the lines."""
    return database.execute("SELECT 1 FROM sqlite_master WHERE name = 'words'").fetchone() is not None
