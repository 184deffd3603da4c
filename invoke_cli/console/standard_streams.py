"""Handle a standard output that cannot be written or is missing."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from io import RawIOBase, TextIOWrapper
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


class BestEffortStream(TextIOWrapper):
    """Standard error for progress and notices: what cannot be written is dropped, and so is all that follows."""

    def write(self, text: str) -> int:
        """Write text, or drop it."""
        try:
            return super().write(text)
        except OSError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        """Flush what was written, or drop it."""
        try:
            super().flush()
        except OSError:
            self._drop()

    def _drop(self) -> None:
        """Let everything go to the null device: also what is buffered, and what Python and libraries still write."""
        with contextlib.suppress(OSError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)


def drop_unwritable_progress() -> None:
    """Let standard error drop what it cannot write, such as on a full disk."""
    err = sys.stderr
    if err is sys.__stderr__ and isinstance(err, TextIOWrapper):
        sys.stderr = BestEffortStream(err.buffer, err.encoding, "backslashreplace", write_through=True)


class ClosedStream(TextIOWrapper):
    """A standard output that was closed (`>&-`): results that are written to it are an error, as on a full disk."""

    def __init__(self) -> None:
        super().__init__(_ClosedFile(), "utf-8", write_through=True)


class _ClosedFile(RawIOBase):
    name = "<closed>"

    def writable(self) -> bool:
        return True

    def write(self, _: object) -> int:
        raise OSError(errno.EBADF, "it is closed")


def open_missing_streams() -> None:
    """Replace missing standard streams: an error for results, the null device for everything else.

    Their numbers are taken by the null device, lest a file that is opened later gets what libraries write to them.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free, which is this one
    if sys.stdout is None:
        sys.stdout = ClosedStream()
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # open until the end
