"""The opener of all input files: regular files, and pipes that a shell passes, within the limits of their kind.

A file of another sort (a device, a named pipe, a terminal) is never opened: reading it might wait or go on for ever.
"""

from __future__ import annotations

import errno
import hashlib
import os
import select
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

PIPE_NAME = "pipe"
MAX_LINE = 1_000_000  # bytes of one line of a file or a pipe
_PASSED = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")  # what a process has open, whatever it is
_CHUNK = 1 << 20
_WAIT = 0.2  # seconds between two calls of `check_stopped` while a pipe is silent


@dataclass(frozen=True, kw_only=True, slots=True)
class InputKind:
    """A kind of input file, with its limits.

    Attributes:
        name: What it is, for messages.
        max_bytes: The largest size in bytes.
        seconds: The longest time until all of it is read; for a pipe, also the longest silence.
        may_be_piped: Whether a pipe is accepted: `/dev/stdin`, or the `/dev/fd/63` of a shell's `<(command)`.
    """

    name: str
    max_bytes: int
    seconds: float
    may_be_piped: bool = False


IMAGE = InputKind(name="image or latents", max_bytes=500_000_000, seconds=120, may_be_piped=True)
METADATA = InputKind(name="image that is read for its metadata", max_bytes=500_000_000, seconds=60)
LINES = InputKind(name="file of lines", max_bytes=100_000_000, seconds=60, may_be_piped=True)
CONFIG = InputKind(name="configuration file or word list", max_bytes=10_000_000, seconds=30)
MODEL_CONFIG = InputKind(name="configuration or vocabulary of a model", max_bytes=100_000_000, seconds=60)
WORDS = InputKind(name="words.json of a model", max_bytes=1_000_000, seconds=30)
WEIGHTS = InputKind(name="weights", max_bytes=1_000_000_000_000, seconds=3600)
STATE = InputKind(name="log or journal of an output folder", max_bytes=500_000_000, seconds=60)
SYSTEM = InputKind(name="setting of the system", max_bytes=1_000_000, seconds=5)
ASSET = InputKind(name="file of this program", max_bytes=50_000_000, seconds=60)

INPUT_KINDS: tuple[InputKind, ...] = (
    IMAGE,
    METADATA,
    LINES,
    CONFIG,
    MODEL_CONFIG,
    WORDS,
    WEIGHTS,
    STATE,
    SYSTEM,
    ASSET,
)


class UnsuitableFile(OSError):
    """A file that is not read, with the reason in one phrase; callers report it like other failures to read."""

    def __init__(self, reason: str, number: int = errno.EINVAL) -> None:
        super().__init__(number, reason)

    def __str__(self) -> str:
        return str(self.strerror)


def is_pipe(path: Path) -> bool:
    """Return whether a path names a pipe that was passed open, or the terminal. A named pipe is no input."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return str(path).startswith(_PASSED) and (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode))


def has_no_name(path: Path) -> bool:
    """Return whether a path means something else in another process: a pipe, or a file that was passed open."""
    return is_pipe(path) or str(path).startswith(("/dev/", "/proc/"))


def open_input(path: Path, kind: InputKind) -> BufferedReader:
    """Open an input file for reading.

    Raises:
        OSError: It is missing, unreadable, not a regular file or an accepted pipe, or too large.
    """
    _check_sort(path.stat(), path, kind)  # before it is opened: opening a device may wait or have effects
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _check_sort(os.fstat(handle), path, kind)
        if os.isatty(handle):
            raise UnsuitableFile("it is a terminal, not a file")
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_input(path: Path, kind: InputKind, check_stopped: Callable[[], None] = lambda: None) -> bytes:
    """Return the content of an input file, or what a pipe sends until it is closed.

    Args:
        path: The file.
        kind: Its kind, which sets the limits.
        check_stopped: Called between chunks and while a pipe is silent; raises to stop reading.

    Raises:
        OSError: It is missing, unreadable, not a regular file or an accepted pipe, or exceeds a limit.
    """
    with open_input(path, kind) as file:
        parts: list[bytes] = []
        size = 0
        for part in _chunks(file.fileno(), kind.seconds, check_stopped):
            parts.append(part)
            size += len(part)
            if size > kind.max_bytes:
                raise _too_large(kind)
    return b"".join(parts)


def open_lines(path: Path) -> BufferedReader:
    """Open a file of lines, or a pipe that sends them for as long as it likes. Raises OSError like `open_input`."""
    file = open_input(path, LINES)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        os.set_blocking(file.fileno(), True)
    return file


def read_input_text(path: Path, kind: InputKind, errors: str = "strict") -> str:
    """Return the text of an input file in UTF-8, with its line ends as newlines.

    Raises:
        OSError: It cannot be read, or exceeds a limit.
        UnicodeDecodeError: It is not UTF-8.
    """
    return read_input(path, kind).decode("utf-8", errors).replace("\r\n", "\n").replace("\r", "\n")


def file_sha256(path: Path, kind: InputKind = WEIGHTS) -> bytes:
    """Return the SHA-256 of an input file of any size. Raises OSError if it cannot be read."""
    with open_input(path, kind) as file:
        return hashlib.file_digest(file, "sha256").digest()


def _check_sort(status: os.stat_result, path: Path, kind: InputKind) -> None:
    """Raise OSError unless a file is of a sort that is read: a regular file, or a pipe where the kind allows it."""
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if stat.S_ISREG(status.st_mode):
        if status.st_size > kind.max_bytes:
            raise _too_large(kind)
    elif not (kind.may_be_piped and is_pipe(path)):
        raise UnsuitableFile("it is not a regular file")


def _chunks(handle: int, seconds: float, check_stopped: Callable[[], None]) -> Iterator[bytes]:
    """Yield what a file or pipe contains, within a time limit."""
    deadline = time.monotonic() + seconds
    is_regular = stat.S_ISREG(os.fstat(handle).st_mode)
    while True:
        check_stopped()
        if time.monotonic() > deadline:
            raise UnsuitableFile(f"reading it took more than {seconds:g} seconds", errno.ETIMEDOUT)
        if not is_regular and os.name != "nt" and not select.select([handle], [], [], min(_WAIT, seconds))[0]:
            continue
        try:
            part = os.read(handle, _CHUNK)
        except BlockingIOError:
            continue
        if not part:
            return
        yield part


def _too_large(kind: InputKind) -> UnsuitableFile:
    return UnsuitableFile(f"it is larger than {kind.max_bytes / 1e6:g} MB", errno.EFBIG)
