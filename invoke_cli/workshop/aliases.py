"""The user's aliases: names for lines, kept in the root's configs/aliases.yaml."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from invoke_cli.errors import ConfigError
from invoke_cli.output.files import write_whole
from invoke_cli.workshop.places import read_text


class Aliases:
    """Reads and writes the file; it is read anew each time, so that two sessions agree."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, str]:
        """Name to line; empty when there is no file."""
        if not self._path.is_file():
            return {}
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            document = YAML(typ="safe").load(read_text(self._path))
        except YAMLError as error:
            raise ConfigError(f"{self._path} is not YAML: {error}", hint="mend it, or remove it") from None
        if not isinstance(document, dict):
            return {}
        return {str(name): str(line) for name, line in document.items()}

    def save(self, aliases: Mapping[str, str]) -> None:
        """Write all aliases."""
        from ruamel.yaml import YAML

        text = io.StringIO()
        YAML().dump(dict(aliases), text)
        write_whole(self._path, text.getvalue().encode("utf-8"))
