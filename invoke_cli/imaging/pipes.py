"""Read a pipe that a path names: `/dev/stdin`, or the `/dev/fd/63` of a shell's `<(command)`. It can be read once."""

from __future__ import annotations

import os
import select
import stat
from pathlib import Path

from invoke_cli.errors import ImageError

PIPE_NAME = "pipe"
MAX_SILENCE = 60.0  # seconds
_PASSED = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")  # what a process has open, whatever it is
_CHUNK = 1 << 20


def is_pipe(path: Path) -> bool:
    """Return whether a path names a pipe that was passed open, or the terminal. A pipe of its own is no image."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return str(path).startswith(_PASSED) and (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode))


def has_no_name(path: Path) -> bool:
    """Return whether a path means something else in another process: a pipe, or a file that was passed open."""
    return is_pipe(path) or str(path).startswith(("/dev/", "/proc/"))


def read_pipe(path: Path, limit: int, silence: float = MAX_SILENCE) -> bytes:
    """Return what a pipe sends until it is closed.

    Raises:
        ImageError: It is a terminal, it sends more than `limit` bytes, or it sends nothing for too long.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}", hint="pass a file") from None
    try:
        if os.isatty(handle):
            hint = f"send it an image: invoke 'oil painting' -I {path} < photo.png"
            raise ImageError(f"{path} is a terminal, not an image", hint=hint)
        return _read(handle, path, limit, silence)
    finally:
        os.close(handle)


def _read(handle: int, path: Path, limit: int, silence: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        if os.name != "nt" and not select.select([handle], [], [], silence)[0]:
            raise ImageError(f"{path} sent nothing for {silence:g} seconds", hint="save the image to a file first")
        try:
            part = os.read(handle, _CHUNK)
        except BlockingIOError:
            continue
        except OSError as error:
            raise ImageError(f"{path} cannot be read: {error.strerror or error}", hint="pass a file") from None
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
        if size > limit:
            raise ImageError(f"{path} sends more than {limit / 1e6:.0f} MB", hint="send a smaller image")
