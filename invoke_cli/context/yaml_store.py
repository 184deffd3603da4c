"""YAML files that several sessions may change at once: aliases, models used by their folder, and models.yaml."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from invoke_cli.context.paths import read_text
from invoke_cli.documents import InvalidDocument, parse_yaml
from invoke_cli.errors import ConfigError, OutputError
from invoke_cli.output.files import output_errors, write_atomically

USED_BY_FOLDER = "used by its folder"  # the description of such entries


class NameStore:
    """A mapping in a file. Each change reads the file again under a lock, so that no session overwrites another's."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, Any]:
        """Return all entries; empty if there is no file. Raises ConfigError if the file is not YAML."""
        if not self._path.is_file():
            return {}
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            document = parse_yaml(YAML(typ="safe"), read_text(self._path))
        except (YAMLError, InvalidDocument) as error:
            raise ConfigError(f"{self._path} is not YAML: {error}", hint="correct the file, or remove it") from None
        return {str(name): entry for name, entry in document.items()} if isinstance(document, dict) else {}

    def change(self, edit: Callable[[dict[str, Any]], None]) -> None:
        """Change the entries with `edit`, and write them. Raises OutputError if another session holds the lock."""
        from ruamel.yaml import YAML

        def new_text() -> str:
            entries = self.load()
            edit(entries)
            text = io.StringIO()
            yaml = YAML()
            yaml.width = 4096
            yaml.dump(entries, text)
            return text.getvalue()

        rewrite_locked(self._path, new_text)


class Aliases(NameStore):
    """The user's aliases, a mapping from names to lines."""

    def load(self) -> dict[str, str]:
        """Return the line of each name."""
        return {name: str(line) for name, line in super().load().items()}

    def define(self, name: str, line: str) -> None:
        """Define an alias."""
        self.change(lambda entries: entries.update({name: line}))

    def remove(self, name: str) -> None:
        """Remove an alias."""
        self.change(lambda entries: entries.pop(name, None))


class Folders(NameStore):
    """Models that were used by their folder, as entries of a models.yaml."""

    def add(self, name: str, path: str) -> None:
        """Store the folder of a model, unless the name already exists."""
        self.change(lambda entries: entries.setdefault(name, {"path": path, "description": USED_BY_FOLDER}))


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
