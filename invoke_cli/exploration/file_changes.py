"""The saves of a file that another program works on: noticed by looking, told when the file is whole.

Editors write in place or put a new file in the old one's stead; both change what the system says of the name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from invoke_cli.errors import ImageError
from invoke_cli.imaging.open_image import OpenedImage, open_path

LOOK_SECONDS = 0.1
SETTLED_SECONDS = 0.3
PATIENCE_SECONDS = 5.0

Mark = tuple[int, int, int] | None


def saves(path: Path, check: Callable[[], None], tell: Callable[[str], None]) -> Iterator[OpenedImage]:
    """The picture at `path` after each save from now on; of saves in quick succession the last. `check` is called all
    the while, and ends it by raising; `tell` hears why a file that lies still cannot be used.
    """
    drawn = mark_of(path)
    while True:
        drawn, picture = _next_save(path, drawn, check, tell)
        yield picture


def _next_save(
    path: Path, drawn: Mark, check: Callable[[], None], tell: Callable[[str], None]
) -> tuple[Mark, OpenedImage]:
    """The next state of the file in which it is whole and lies still."""
    seen, since, told = drawn, time.monotonic(), False
    while True:
        check()
        time.sleep(LOOK_SECONDS)
        now = mark_of(path)
        if now != seen:
            seen, since, told = now, time.monotonic(), False
        still = time.monotonic() - since
        if now is None or now == drawn or still < SETTLED_SECONDS or told:
            continue
        try:
            picture = open_path(path)
        except ImageError as error:
            if still > PATIENCE_SECONDS:
                tell(f"{error.message}; waiting for the next save")
                told = True
            continue
        if mark_of(path) == now:
            return now, picture


def mark_of(path: Path) -> Mark:
    """What changes when a file is saved: which file it is, how long, and when it was written; None when it is away."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
