"""Help made of the tables: switches, launch options, and any other rows that are passed in. Knows no terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from invoke_cli.language.switches.launch import LAUNCH_OPTIONS, LaunchOption
from invoke_cli.language.switches.rejected import REFUSED
from invoke_cli.language.switches.switch import Group, Switch
from invoke_cli.language.switches.table import SWITCHES

WIDTH = 100

Row = tuple[str, str]


def columns(rows: Sequence[Row], width: int = WIDTH) -> str:
    """Two columns, the second wrapped."""
    left = min(36, max((len(name) for name, _ in rows), default=0)) + 2
    lines: list[str] = []
    for name, text in rows:
        wrapped = textwrap.wrap(text, max(20, width - left - 2)) or [""]
        first = f"  {name:<{left}}{wrapped[0]}" if len(name) < left else f"  {name}\n  {'':<{left}}{wrapped[0]}"
        lines += [first, *(f"  {'':<{left}}{more}" for more in wrapped[1:])]
    return "\n".join(lines)


def usage(switch: Switch) -> str:
    """A switch's spellings with what follows them."""
    joined = ", ".join(switch.flags)
    if switch.value.takes == "glued":
        return f"{joined}[={switch.metavar}]"
    return f"{joined} {switch.metavar}".rstrip()


def explained(switch: Switch) -> str:
    """A switch's help with its default."""
    return f"{switch.help} (default {switch.default})" if switch.default else switch.help


def switch_help(groups: Iterable[Group] = Group) -> str:
    """The switches of these groups, a chapter each."""
    chapters = []
    for group in groups:
        rows = [(usage(switch), explained(switch)) for switch in SWITCHES if switch.group is group]
        chapters.append(f"{group.value}\n{columns(rows)}")
    return "\n\n".join(chapters)


def launch_help() -> str:
    """The launch-only options."""
    return columns([(launch_usage(row), row.help) for row in LAUNCH_OPTIONS])


def launch_usage(row: LaunchOption) -> str:
    """A launch option's spellings with what follows them."""
    return f"{', '.join((row.name, *row.aliases))} {row.metavar}".rstrip()


def refused_help() -> str:
    """The spellings that are understood and refused."""
    rows = [(", ".join(row.flags), row.instead) for row in REFUSED]
    return columns(rows)


def markdown_switches() -> str:
    """The README's table of switches."""
    lines = ["| switch | what it does | default |", "|---|---|---|"]
    for switch in (row for row in SWITCHES if row.group is not Group.AFTER):
        cells = (f"`{usage(switch)}`", switch.help, f"`{switch.default}`" if switch.default else "")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    after = ", ".join(f"`{switch.spelling}`" for switch in SWITCHES if switch.group is Group.AFTER)
    lines.append(f"| {after} | work {Group.AFTER.value}: `!help switches` and `!help upscaling` explain it |  |")
    return "\n".join(lines)


def markdown_rows(rows: Iterable[Row], heading: Row) -> str:
    """A table of two columns for the README; the first is code."""
    lines = [f"| {heading[0]} | {heading[1]} |", "|---|---|"]
    lines += [f"| `{name}` | {text} |".replace("|`", "| `") for name, text in rows]
    return "\n".join(lines)
