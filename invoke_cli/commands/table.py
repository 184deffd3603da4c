"""The command table: each `!` command is declared here and nowhere else. Help and completion derive from it."""

from __future__ import annotations

from collections.abc import Mapping

from invoke_cli.commands.command import Command
from invoke_cli.commands.history.rows import HISTORY_COMMANDS
from invoke_cli.commands.images.rows import IMAGE_COMMANDS
from invoke_cli.commands.lines.rows import LINE_COMMANDS
from invoke_cli.commands.models.rows import MODEL_COMMANDS
from invoke_cli.commands.session.rows import SESSION_COMMANDS

COMMAND_GROUPS: Mapping[str, tuple[Command, ...]] = {
    "lines": LINE_COMMANDS,
    "pictures": IMAGE_COMMANDS,
    "history": HISTORY_COMMANDS,
    "models": MODEL_COMMANDS,
    "the session": SESSION_COMMANDS,
}

COMMANDS: tuple[Command, ...] = tuple(row for rows in COMMAND_GROUPS.values() for row in rows)

# Commands of InvokeAI 2.x that have gone, and what replaces them.
GONE: Mapping[str, str] = {
    "optimize_model": "!convert_model FILE FOLDER makes a folder of a single file, which loads faster",
}
