"""What the prompt says first, and how it speaks."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace

from invoke_cli.console.console import ConsoleStyle, console_style
from invoke_cli.context.settings import Settings
from invoke_cli.errors import ConfigError, InvokeError
from invoke_cli.language.help.topics import FIRST_TIME
from invoke_cli.language.switches.launch import Options
from invoke_cli.version import __version__

USUAL_BELL = 30.0

_TITLE = f"invoke {__version__}   type a prompt; !help for help, q to leave"
_FIRST_STEPS = """\
  a red boat on the sea, sunset            a picture of it, in ./outputs
  oil painting of a boat -I @last -f .6    another one, begun from the last
Tab completes, Right takes the grey text, Ctrl-R searches: !help keys"""


def greeting(settings: Settings, *, newcomer: bool) -> str:
    """One line, and for who is here for the first time at most four more."""
    lines = [_TITLE]
    if newcomer:
        lines += _FIRST_STEPS.splitlines()
        with contextlib.suppress(InvokeError):
            lines += [FIRST_TIME] if settings.uses_bundled_model() else []
    return "\n".join(lines)


def console_style_at_prompt(settings: Settings, options: Options) -> ConsoleStyle:
    """How the console speaks: as it was asked for at launch, else in invoke.init; ConfigError for a wrong number."""
    theme, bell = (settings.launch_value(name, str(options.get(name, ""))) for name in ("theme", "bell"))
    style = console_style(sys.__stderr__ or sys.stderr, quiet=bool(options.get("quiet")), theme=theme)
    return replace(style, bell=bell_seconds(bell))


def bell_seconds(asked: str) -> float:
    """After how many seconds of work the bell rings; ConfigError for what is no number."""
    if asked == "auto":
        return USUAL_BELL
    try:
        seconds = float(asked)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ConfigError(f"--bell takes seconds, not {asked[:40]!r}", hint="--bell 60, or --bell 0 for never")
    return seconds
