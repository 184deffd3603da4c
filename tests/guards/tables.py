"""The README's tables, from the program's own; `python -m tests.guards.tables` writes them into it."""

from __future__ import annotations

import re
from pathlib import Path

from invoke_cli.commands.session.help import command_rows
from invoke_cli.commands.table import COMMAND_GROUPS, COMMANDS
from invoke_cli.language.help.render import launch_usage, markdown_rows, markdown_switches
from invoke_cli.language.switches.launch import LAUNCH_OPTIONS

README = Path(__file__).parent.parent.parent / "README.md"


def tables() -> dict[str, str]:
    """Every generated table by its name."""
    options = [(launch_usage(row), row.help) for row in LAUNCH_OPTIONS]
    return {
        "switches": markdown_switches(),
        "commands": markdown_commands(),
        "options": markdown_rows(options, ("option at start", "what it does")),
    }


def markdown_commands() -> str:
    """A row for each chapter of the commands, a line for each command in it."""
    typed = dict(command_rows(COMMANDS))
    rows = ["| about | command and what it does |", "|---|---|"]
    for chapter, commands in COMMAND_GROUPS.items():
        told = [f"`{row.synopsis}` {typed.pop(row.synopsis)}" for row in commands]
        told += [f"`{name}` {text}" for name, text in typed.items()] if chapter == [*COMMAND_GROUPS][-1] else []
        cells = "<br>".join(told).replace(" | ", " \\| ")
        rows.append(f"| {chapter} | {cells} |")
    return "\n".join(rows)


def written(text: str) -> str:
    """The README's text with each table in the place of the one that has its heading."""
    for table in tables().values():
        heading = re.escape(table.splitlines()[0])
        text = re.sub(rf"^{heading}\n(?:\|.*\n)+", lambda _, new=table: f"{new}\n", text, flags=re.MULTILINE)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
