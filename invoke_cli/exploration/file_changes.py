"""Detect when another program saves a file, by polling, and open the file once it is complete.

Editors write in place or replace the file; both change its inode, size or modification time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from invoke_cli.errors import ImageError
from invoke_cli.imaging.open_image import OpenedImage, open_path

POLL_SECONDS = 0.1
SETTLED_SECONDS = 0.3
UNREADABLE_SECONDS = 5.0

FileState = tuple[int, int, int] | None


def watch_saves(path: Path, check: Callable[[], None], report: Callable[[str], None]) -> Iterator[OpenedImage]:
    """Yield the image in a file after each save; of saves in quick succession only the last.

    Args:
        path: The file, which may not exist yet.
        check: Called repeatedly while waiting; it raises to stop.
        report: Called with a message if the file stays unreadable.
    """
    last_yielded = file_state(path)
    while True:
        last_yielded, image = _next_save(path, last_yielded, check, report)
        yield image


def _next_save(
    path: Path, last_yielded: FileState, check: Callable[[], None], report: Callable[[str], None]
) -> tuple[FileState, OpenedImage]:
    """Wait for the next state of the file in which it is complete and no longer changes."""
    last_seen, changed_at, is_reported = last_yielded, time.monotonic(), False
    while True:
        check()
        time.sleep(POLL_SECONDS)
        current = file_state(path)
        if current != last_seen:
            last_seen, changed_at, is_reported = current, time.monotonic(), False
        stable_seconds = time.monotonic() - changed_at
        if current is None or current == last_yielded or stable_seconds < SETTLED_SECONDS or is_reported:
            continue
        try:
            image = open_path(path)
        except ImageError as error:
            if stable_seconds > UNREADABLE_SECONDS:
                report(f"{error.message}; waiting for the next save")
                is_reported = True
            continue
        if file_state(path) == current:
            return current, image


def file_state(path: Path) -> FileState:
    """Return the inode, size and modification time of a file; None if it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
