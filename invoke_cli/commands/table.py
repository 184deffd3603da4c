"""The command table: each `!` command is declared here and nowhere else. Help and completion derive from it."""

from __future__ import annotations

from collections.abc import Mapping

from invoke_cli.commands.chapters import history, lines, models, pictures, session
from invoke_cli.commands.command import Command

CHAPTERS: Mapping[str, tuple[Command, ...]] = {
    "lines": lines.ROWS,
    "pictures": pictures.ROWS,
    "history": history.ROWS,
    "models": models.ROWS,
    "the session": session.ROWS,
}

COMMANDS: tuple[Command, ...] = tuple(row for rows in CHAPTERS.values() for row in rows)

# Commands of InvokeAI 2.x that have gone, and what replaces them.
GONE: Mapping[str, str] = {
    "optimize_model": "!convert_model FILE FOLDER makes a folder of a single file, which loads faster",
}
