"""`invoke`: a terminal-first image generator on torch and diffusers.

For programs: `from invoke_cli import Session`, then `session.generate("a red boat", steps=20).first().image`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke_cli.version import __version__ as __version__

if TYPE_CHECKING:
    from invoke_cli.api.results import Result as Result
    from invoke_cli.api.results import Results as Results
    from invoke_cli.api.session import Session as Session
    from invoke_cli.errors import InvokeError as InvokeError

__all__ = ("InvokeError", "Result", "Results", "Session", "__version__")


def __getattr__(name: str) -> object:
    """Import the library's public names on first use, since the program itself must start without them."""
    match name:
        case "Session":
            from invoke_cli.api.session import Session

            return Session
        case "Result" | "Results":
            from invoke_cli.api import results

            return getattr(results, name)
        case "InvokeError":
            from invoke_cli.errors import InvokeError

            return InvokeError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
