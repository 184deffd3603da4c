"""The greeting and the console style of the prompt."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace

from invoke_cli.console.console import ConsoleStyle, console_style
from invoke_cli.context.settings import Settings
from invoke_cli.errors import InvokeError
from invoke_cli.language.help.render import WIDTH
from invoke_cli.language.help.topics import FIRST_TIME
from invoke_cli.language.switches.launch import Options
from invoke_cli.repl.toolbar import fitting
from invoke_cli.version import __version__

DEFAULT_BELL = 30.0

# Each line in parts: those of the highest numbers are dropped first where the window is narrow.
_TITLE = ((0, f"invoke {__version__}"), (2, "type a prompt"), (1, "!help for help"), (3, "q to leave"))
_FIRST_STEPS = (
    ((0, "  a red boat on the sea, sunset        "), (1, "generates an image in ./outputs")),
    ((0, "  oil painting of a boat -I @last -f .6"), (1, "starts from the last image")),
    ((1, "Tab completes"), (2, "Right takes the grey text"), (3, "Ctrl-R searches"), (0, "!help keys")),
)


def greeting(settings: Settings, *, is_first_use: bool, width: int = WIDTH) -> str:
    """Return one line; at first use up to four more. What does not fit the width is dropped whole."""
    lines = [fitting(_TITLE, width)]
    if is_first_use:
        lines += [fitting(parts, width) for parts in _FIRST_STEPS]
        with contextlib.suppress(InvokeError):
            is_shown = settings.uses_bundled_model() and len(FIRST_TIME) <= width
            lines += [FIRST_TIME] if is_shown else []
    return "\n".join(line.rstrip() for line in lines)


def console_style_at_prompt(settings: Settings, options: Options) -> ConsoleStyle:
    """Return the console style from the command line, else from invoke.init."""
    theme = settings.launch_value("theme", str(options.get("theme", "")))
    bell = settings.launch_number("bell", str(options.get("bell", "")), DEFAULT_BELL)
    quiet, verbose = (bool(options.get(name)) for name in ("quiet", "verbose"))
    style = console_style(sys.__stderr__ or sys.stderr, quiet=quiet, verbose=verbose, theme=theme)
    return replace(style, bell=bell)
