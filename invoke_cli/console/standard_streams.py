"""Standard output when it cannot be written: a full disk, a file whose limit is reached, or none at all."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from invoke_cli.errors import OutputError


@contextlib.contextmanager
def stdout_errors() -> Iterator[None]:
    """Turn the system's errors about standard output into OutputError; a reader who has gone stays BrokenPipeError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        hint = "make room where it goes, or send it elsewhere; pictures that lie in their files are kept"
        raise OutputError(f"standard output cannot be written: {error.strerror or error}", hint=hint) from None


def open_missing_streams() -> None:
    """Give a process that was started without standard output or error (`>&-`) ones that lead nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  # open until the end
