"""The user's models.yaml as a file, changed atomically and under a lock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from invoke_cli.context.locked_file import rewrite_locked
from invoke_cli.context.paths import read_text


class ModelsFile:
    """The file of the user's own entries."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def text(self) -> str:
        """Return its content; empty if there is no file."""
        return read_text(self.path) if self.path.is_file() else ""

    def change(self, edit: Callable[[str], str]) -> None:
        """Replace the content by the result of `edit`. Raises OutputError if another session holds the lock."""
        rewrite_locked(self.path, lambda: edit(self.text()))
