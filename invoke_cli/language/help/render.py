"""Render switches, launch options and other rows as help text or Markdown. Does not access the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from invoke_cli.language.switches.launch import LAUNCH_OPTIONS, LaunchOption
from invoke_cli.language.switches.rejected import REJECTED_SWITCHES
from invoke_cli.language.switches.switch import Group, Switch
from invoke_cli.language.switches.table import SWITCHES

WIDTH = 100

Row = tuple[str, str]


def columns(rows: Sequence[Row], width: int = WIDTH) -> str:
    """Format rows as two columns and wrap the second one."""
    left = min(36, max((len(name) for name, _ in rows), default=0)) + 2
    lines: list[str] = []
    for name, text in rows:
        wrapped = textwrap.wrap(text, max(20, width - left - 2)) or [""]
        first = f"  {name:<{left}}{wrapped[0]}" if len(name) < left else f"  {name}\n  {'':<{left}}{wrapped[0]}"
        lines += [first, *(f"  {'':<{left}}{more}" for more in wrapped[1:])]
    return "\n".join(lines)


def usage(switch: Switch) -> str:
    """Return the spellings of a switch and its value placeholder: `-s, --steps N`."""
    joined = ", ".join(switch.flags)
    if switch.value.takes == "glued":
        return f"{joined}[={switch.metavar}]"
    return f"{joined} {switch.metavar}".rstrip()


def switch_description(switch: Switch) -> str:
    """Return the help of a switch with its default value."""
    return f"{switch.help} (default {switch.default})" if switch.default else switch.help


def switch_help(groups: Iterable[Group] = Group) -> str:
    """Return the help of all switches in these groups, with a heading for each group."""
    chapters = []
    for group in groups:
        rows = [(usage(switch), switch_description(switch)) for switch in SWITCHES if switch.group is group]
        chapters.append(f"{group.value}\n{columns(rows)}")
    return "\n\n".join(chapters)


def launch_help() -> str:
    """Return the help of the launch options."""
    return columns([(launch_usage(row), row.help) for row in LAUNCH_OPTIONS])


def launch_usage(row: LaunchOption) -> str:
    """Return the spellings of a launch option and its value placeholder."""
    return f"{', '.join((row.name, *row.aliases))} {row.metavar}".rstrip()


def rejected_help() -> str:
    """Return the rejected switches with their replacements."""
    rows = [(", ".join(row.flags), row.instead) for row in REJECTED_SWITCHES]
    return columns(rows)
