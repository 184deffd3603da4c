"""Rewrite a small file that several sessions may change at once: under a lock, and atomically."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from invoke_cli.errors import OutputError
from invoke_cli.output.files import output_errors, write_atomically

_LOCK_SECONDS = 10


def rewrite_locked(path: Path, new_text: Callable[[], str]) -> None:
    """Replace a file's content by what `new_text` returns while the lock is held.

    Raises:
        OutputError: The file cannot be written, or another session holds the lock for too long.
    """
    from filelock import FileLock, Timeout

    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(f"{path}.lock", timeout=_LOCK_SECONDS):
                write_atomically(path, new_text().encode("utf-8"))
        except Timeout:
            hint = f"if no other session is running, remove {path}.lock"
            raise OutputError(f"{path} is locked by another session", hint=hint) from None
