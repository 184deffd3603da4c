"""Edit the text of a models.yaml, preserving comments and order. Reads no files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from invoke_cli.documents import parse_yaml
from invoke_cli.errors import ConfigError
from invoke_cli.models.registry import read_models


def with_entry(text: str, name: str, values: Mapping[str, object]) -> str:
    """Set values in an entry, adding the entry if necessary; None removes a setting.

    A new default replaces the previous one.
    """

    def change(document: Any) -> None:
        if values.get("default") is True:
            for other in document.values():
                other.pop("default", None)
        entry = document.setdefault(name, _empty())
        for key, value in values.items():
            if value is None:
                entry.pop(key, None)
            else:
                entry[key] = value

    return _edit(text, change)


def without_entry(text: str, name: str) -> str:
    """Remove an entry from the text."""

    def change(document: Any) -> None:
        document.pop(name, None)

    return _edit(text, change)


def entry_of(text: str, name: str) -> dict[str, Any]:
    """Return the settings of an entry as plain values; empty if there is no such entry."""
    document = parse_yaml(_yaml(), text) or {}
    return {str(key): value for key, value in document.get(name, {}).items()}


def shown(name: str, values: Mapping[str, object]) -> str:
    """Format an entry as in the file."""
    return with_entry("", name, values).rstrip()


def _edit(text: str, change: Any) -> str:
    """Apply a change to the parsed text. Raises ConfigError if the text is invalid before or after it."""
    read_models(text, "models.yaml")
    yaml = _yaml()
    document = parse_yaml(yaml, text)
    # A file with only comments has no document to attach them to: prepend them again.
    comments = text if document is None and text.strip() else ""
    document = _empty() if document is None else document
    change(document)
    output = io.StringIO()
    if document:
        yaml.dump(document, output)
    changed = f"{comments.rstrip()}\n{output.getvalue()}" if comments else output.getvalue()
    read_models(changed, "the changed models.yaml")
    return changed


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 4096
    yaml.preserve_quotes = True
    return yaml


def _empty() -> Any:
    from ruamel.yaml.comments import CommentedMap

    return CommentedMap()


def check_name(name: str) -> None:
    """Raise ConfigError if a name is not valid for an entry, since it is typed after -m."""
    if not name or name.startswith("-") or any(char in name for char in " \t\"'|:#/\\"):
        hint = "use letters, digits, - _ and ."
        raise ConfigError(f"invalid model name: {name!r}", hint=hint)
