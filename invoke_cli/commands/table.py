"""The command table, the only place where `!` commands are declared. Help and completion derive from it."""

from __future__ import annotations

from collections.abc import Mapping

from invoke_cli.commands.command import Command
from invoke_cli.commands.history.rows import HISTORY_COMMANDS
from invoke_cli.commands.images.rows import IMAGE_COMMANDS
from invoke_cli.commands.lines.rows import LINE_COMMANDS
from invoke_cli.commands.models.rows import MODEL_COMMANDS
from invoke_cli.commands.session.rows import SESSION_COMMANDS
from invoke_cli.plugins import PluginKind, plugins

COMMAND_GROUPS: Mapping[str, tuple[Command, ...]] = {
    "lines": LINE_COMMANDS,
    "images": IMAGE_COMMANDS,
    "history": HISTORY_COMMANDS,
    "models": MODEL_COMMANDS,
    "session": SESSION_COMMANDS,
}

COMMANDS: tuple[Command, ...] = tuple(row for rows in COMMAND_GROUPS.values() for row in rows)


def find_command(name: str) -> Command | None:
    """Return the command with this name, or the only built-in one that starts with it; None if there is none.

    A plug-in is imported only if it has exactly this name.
    """
    exact = [command for command in COMMANDS if command.name == name]
    if exact:
        return exact[0]
    from_plugin = plugins().row(PluginKind.COMMAND, name, Command)
    if from_plugin is not None:
        return from_plugin
    built_in = [command for command in COMMANDS if len(name) > 1 and command.name.startswith(name)]
    return built_in[0] if len(built_in) == 1 else None


def all_commands() -> tuple[Command, ...]:
    """Return the built-in commands and those of plug-ins, which this imports."""
    return (*COMMANDS, *plugins().rows(PluginKind.COMMAND, Command))


def command_names() -> tuple[str, ...]:
    """Return the names of all commands without importing plug-ins."""
    return (*(command.name for command in COMMANDS), *plugins().names(PluginKind.COMMAND))


# Removed commands of InvokeAI 2.x, with hints on their replacements.
REMOVED_COMMANDS: Mapping[str, str] = {
    "optimize_model": "!convert_model FILE FOLDER converts a single file to a folder, which loads faster",
}
