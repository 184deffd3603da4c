"""The greeting and the console style of the prompt."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace

from invoke_cli.console.console import ConsoleStyle, console_style
from invoke_cli.context.settings import Settings
from invoke_cli.errors import InvokeError
from invoke_cli.language.help.topics import FIRST_TIME
from invoke_cli.language.switches.launch import Options
from invoke_cli.version import __version__

DEFAULT_BELL = 30.0

_TITLE = f"invoke {__version__}   type a prompt; !help for help, q to leave"
_FIRST_STEPS = """\
  a red boat on the sea, sunset            generates an image in ./outputs
  oil painting of a boat -I @last -f .6    starts from the last image
Tab completes, Right accepts the grey text, Ctrl-R searches: !help keys"""


def greeting(settings: Settings, *, is_first_use: bool) -> str:
    """Return one line; at first use up to four more."""
    lines = [_TITLE]
    if is_first_use:
        lines += _FIRST_STEPS.splitlines()
        with contextlib.suppress(InvokeError):
            lines += [FIRST_TIME] if settings.uses_bundled_model() else []
    return "\n".join(lines)


def console_style_at_prompt(settings: Settings, options: Options) -> ConsoleStyle:
    """Return the console style from the command line, else from invoke.init."""
    theme = settings.launch_value("theme", str(options.get("theme", "")))
    bell = settings.launch_number("bell", str(options.get("bell", "")), DEFAULT_BELL)
    quiet, verbose = (bool(options.get(name)) for name in ("quiet", "verbose"))
    style = console_style(sys.__stderr__ or sys.stderr, quiet=quiet, verbose=verbose, theme=theme)
    return replace(style, bell=bell)
