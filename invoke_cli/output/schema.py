"""The tables of a folder's history, and how one of an older program becomes one of this."""

from __future__ import annotations

import sqlite3

VERSION = 1

_PRAGMAS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
_TABLES = """
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
_SINCE_1 = (
    "ALTER TABLE images ADD COLUMN kind TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE images ADD COLUMN run TEXT NOT NULL DEFAULT ''",
)


def prepare(database: sqlite3.Connection) -> None:
    """Bring the tables up to date; nothing to do when they are."""
    if _version(database) == VERSION:
        return
    database.executescript(_PRAGMAS + _TABLES)
    with database:
        database.execute("BEGIN IMMEDIATE")
        if _version(database) < VERSION:
            for statement in _SINCE_1:
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {VERSION}")


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])
