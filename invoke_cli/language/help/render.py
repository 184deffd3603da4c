"""Render switches, launch options and other rows as help text or Markdown. Does not access the terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from invoke_cli.language.switches.launch import LAUNCH_OPTIONS, LaunchOption
from invoke_cli.language.switches.rejected import REJECTED_SWITCHES
from invoke_cli.language.switches.switch import Group, Switch
from invoke_cli.language.switches.table import SWITCHES

WIDTH = 100  # where the width of the window is not known, as in a pipe
NARROWEST, WIDEST = 60, 160

Row = tuple[str, str]

_COLUMNS = re.compile(r"^(?P<first> *\S+(?: \S+)* {2,})(?P<second>\S.*)$")
_BULLET = re.compile(r"^ *(?:- )?")


def fit(text: str, width: int) -> str:
    """Wrap the lines of a text that are longer than the window: the second column of a table, or a paragraph."""
    return "\n".join(part for line in text.split("\n") for part in _fit_line(line, width))


def _fit_line(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    table = _COLUMNS.match(line)
    if table is not None and len(table["first"]) <= width * 2 // 3:
        indent = " " * len(table["first"])
        wrapped = _wrap(table["second"], max(16, width - len(indent)))
        return [f"{table['first']}{wrapped[0]}", *(indent + more for more in wrapped[1:])]
    start = _BULLET.match(line)
    indent = " " * (start.end() if start else 0)
    return _wrap(line, width, subsequent_indent=indent)


def _wrap(text: str, width: int, subsequent_indent: str = "") -> list[str]:
    """Wrap a text at blanks only: names of switches contain hyphens."""
    return textwrap.wrap(
        text, width, subsequent_indent=subsequent_indent, break_long_words=False, break_on_hyphens=False
    )


def columns(rows: Sequence[Row], width: int = WIDTH, widest: int = 36) -> str:
    """Format rows as two columns, the first one of at most `widest` characters, and wrap the second one."""
    left = min(widest, width * 5 // 9, max((len(name) for name, _ in rows), default=0)) + 2
    lines: list[str] = []
    for name, text in rows:
        wrapped = _wrap(text, max(20, width - left - 2)) or [""]
        first = f"  {name:<{left}}{wrapped[0]}" if len(name) < left else f"  {name}\n  {'':<{left}}{wrapped[0]}"
        lines += [first, *(f"  {'':<{left}}{more}" for more in wrapped[1:])]
    return "\n".join(lines)


def usage(switch: Switch) -> str:
    """Return the spellings of a switch and its value placeholder: `-s, --steps N`."""
    joined = ", ".join(switch.flags)
    if switch.value.takes == "glued":
        return f"{joined}[={switch.metavar}]"
    return f"{joined} {switch.metavar}".rstrip()


_NO_DEFAULTS: Mapping[str, str] = MappingProxyType({})


def switch_description(switch: Switch, defaults: Mapping[str, str] = _NO_DEFAULTS) -> str:
    """Return the help of a switch with its default value: that of the model in use, if it is among `defaults`."""
    value = defaults.get(switch.field, switch.default)
    return f"{switch.help} (default {value})" if value else switch.help


def switch_help(groups: Iterable[Group] = Group, width: int = WIDTH, defaults: Mapping[str, str] = _NO_DEFAULTS) -> str:
    """Return the help of all switches in these groups, with a heading for each group."""
    chapters = []
    for group in groups:
        rows = [(usage(switch), switch_description(switch, defaults)) for switch in SWITCHES if switch.group is group]
        chapters.append(f"{group.value}\n{columns(rows, width)}")
    return "\n\n".join(chapters)


def launch_help(width: int = WIDTH) -> str:
    """Return the help of the launch options."""
    return columns([(launch_usage(row), row.help) for row in LAUNCH_OPTIONS], width)


def launch_usage(row: LaunchOption) -> str:
    """Return the spellings of a launch option and its value placeholder."""
    return f"{', '.join((row.name, *row.aliases))} {row.metavar}".rstrip()


def rejected_help(width: int = WIDTH) -> str:
    """Return the rejected switches with their replacements."""
    rows = [(", ".join(row.flags), row.instead) for row in REJECTED_SWITCHES]
    return columns(rows, width)
