"""The user's models.yaml as a file, changed atomically and under a lock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from invoke_cli.context.locked_file import rewrite_locked
from invoke_cli.context.paths import read_text
<<<<<<< HEAD
from invoke_cli.errors import OutputError
from invoke_cli.output.files import output_errors, write_atomically

_LOCK_SECONDS = 10
=======
>>>>>>> 04f36321c544b4e7b98b2b16bbe25f9822461b3a


class ModelsFile:
    """The file of the user's own entries."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def text(self) -> str:
        """Return its content; empty if there is no file."""
        return read_text(self.path) if self.path.is_file() else ""

    def change(self, edit: Callable[[str], str]) -> None:
        """Replace the content by the result of `edit`. Raises OutputError if another session holds the lock."""
<<<<<<< HEAD
        from filelock import FileLock, Timeout

        with output_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with FileLock(f"{self.path}.lock", timeout=_LOCK_SECONDS):
                    write_atomically(self.path, edit(self.text()).encode("utf-8"))
            except Timeout:
                hint = f"if no other session is running, remove {self.path}.lock"
                raise OutputError(f"{self.path} is locked by another session", hint=hint) from None
=======
        rewrite_locked(self.path, lambda: edit(self.text()))
>>>>>>> 04f36321c544b4e7b98b2b16bbe25f9822461b3a
