"""Handle a standard output that cannot be written or is missing."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from invoke_cli.errors import OutputError


@contextlib.contextmanager
def stdout_errors() -> Iterator[None]:
    """Convert an OSError of standard output to OutputError; BrokenPipeError is passed on."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        hint = "free some space or redirect it elsewhere; images that were saved are kept"
        raise OutputError(f"cannot write to standard output: {error.strerror or error}", hint=hint) from None


def open_missing_streams() -> None:
    """Open the null device for missing standard streams (`>&-`)."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  # open until the end
