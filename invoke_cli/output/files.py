"""Atomic writes: a temporary file beside the target, flushed to disk, then renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from invoke_cli.errors import OutputError

_STALE_SECONDS = 3600


def granted_mode(folder: Path, mode: int) -> int:
    """Return the mode for a new file or folder: nothing for a group, or for others, that cannot enter its folder."""
    granted = folder.stat().st_mode
    for shift in (3, 0):
        if not granted >> shift & 0o5:
            mode &= ~(0o7 << shift)
    return mode


def make_folder(path: Path) -> None:
    """Create a folder and those above it, as far as they are missing, private in a private folder."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=granted_mode(folder.parent, 0o777), exist_ok=True)
    if not path.is_dir():
        path.mkdir()  # raises the error


def create_private(path: Path) -> None:
    """Create an empty file, private in a private folder, unless it exists."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, granted_mode(path.parent, 0o666)))


def is_stale(path: Path) -> bool:
    """Return whether a file is too old to belong to a running operation. A clock that was set back makes it "newer"."""
    return abs(time.time() - path.stat().st_mtime) > _STALE_SECONDS


def check_space(folder: Path, needed: int) -> None:
    """Raise OutputError, before anything is generated, if results of so many bytes do not fit on a folder's disk."""
    with output_errors(folder):
        free = shutil.disk_usage(folder).free
    if needed > free:
        message = f"the results need about {needed / 1e6:.0f} MB, but only {free / 1e6:.0f} MB are free in {folder}"
        raise OutputError(message, hint="free some space, or choose another folder with -o", field="outdir")


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write `data` to `path` atomically, replacing an existing file.

    It is written again if its folder is renamed, or the partial file removed, meanwhile.

    Args:
        path: The target; missing folders are created.
        data: The content.
        durable: Wait until the data is on disk, so that it survives a power failure.

    Raises:
        OutputError: The file cannot be written.
    """
    with output_errors(path):
        try:
            _replace(path, data, durable=durable)
        except FileNotFoundError:
            _replace(path, data, durable=durable)


def _replace(path: Path, data: bytes, *, durable: bool) -> None:
    """Write a file beside `path` and rename it."""
    make_folder(path.parent)
    temporary_path = path.with_name(f".{secrets.token_hex(8)}.part")
    handle = os.open(temporary_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, granted_mode(path.parent, 0o666))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary_path.replace(path)
    except BaseException:
        temporary_path.unlink(missing_ok=True)
        raise


def append_line(path: Path, text: str) -> None:
    """Append `text` in one write, so that the lines of several processes are never mixed."""
    with output_errors(path):
        make_folder(path.parent)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, granted_mode(path.parent, 0o666))
        with os.fdopen(handle, "ab") as file:
            file.write(text.encode("utf-8"))


@contextlib.contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Convert an OSError about `path` to OutputError."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "check the folder, its permissions and the free space, or choose another with -o"
        raise OutputError(f"cannot write {path}: {reason}", hint=hint, field="outdir") from None
