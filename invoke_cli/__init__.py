"""`invoke`: a terminal-first image generator on torch and diffusers.

For programs: `from invoke_cli import Session`, then `session.draw("a red boat -s 20")`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke_cli.version import __version__ as __version__

if TYPE_CHECKING:
    from invoke_cli.session import Session as Session


def __getattr__(name: str) -> object:
    """`Session`, imported when it is first asked for: the doors must open without its weight."""
    if name == "Session":
        from invoke_cli.session import Session

        return Session
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
