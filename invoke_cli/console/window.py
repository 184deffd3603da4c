"""The size of the window, and the pager for text that is longer."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TextIO

from invoke_cli.errors import Interrupted
from invoke_cli.language.help.render import NARROWEST, WIDEST, WIDTH
from invoke_cli.signals import ending_signals_handled


def is_terminal(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that can place its cursor."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "")


def text_width(out: TextIO) -> int:
    """Return the columns that text on a stream may take: those of the window, within limits; 100 in a pipe."""
    if not out.isatty():
        return WIDTH
    return max(NARROWEST, min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDEST))


def row_width() -> int:
    """Return the columns of one row that is not to wrap."""
    return max(1, shutil.get_terminal_size((WIDTH, 24)).columns - 1)


def is_long(text: str) -> bool:
    """Return whether a text does not fit the window."""
    columns, rows = shutil.get_terminal_size((WIDTH, 24))
    return sum(1 + max(0, len(line) - 1) // columns for line in text.split("\n")) >= rows


def show_in_pager(text: str) -> None:
    """Show a text in the user's pager ($PAGER, or less), which takes over the terminal, and Ctrl-C with it."""
    import click

    os.environ.setdefault("LESS", "-R")
    with ending_signals_handled(signal.default_int_handler):
        try:
            click.echo_via_pager(f"{text}\n")
        except KeyboardInterrupt:
            raise Interrupted("stopped") from None
