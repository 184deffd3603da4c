"""Atomic writes: a temporary file beside the target, flushed to disk, then renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from invoke_cli.errors import OutputError


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write `data` to `path` atomically, replacing an existing file.

    Args:
        path: The target; missing folders are created.
        data: The content.
        durable: Wait until the data is on disk, so that it survives a power failure.

    Raises:
        OutputError: The file cannot be written.
    """
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary_path = path.with_name(f".{secrets.token_hex(8)}.part")
        handle = os.open(temporary_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
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
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
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
