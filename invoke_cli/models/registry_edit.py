"""Changing a models.yaml: from its text to its new text, comments and order kept. Reads no files itself."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from invoke_cli.errors import ConfigError
from invoke_cli.models.registry import read_models


def with_entry(text: str, name: str, values: Mapping[str, object]) -> str:
    """The text with these settings in the entry, which is added when there is none; a value of None takes one out. A
    new default takes the place of the one before.
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

    return _changed(text, change)


def without_entry(text: str, name: str) -> str:
    """The text without the entry."""

    def change(document: Any) -> None:
        document.pop(name, None)

    return _changed(text, change)


def entry_of(text: str, name: str) -> dict[str, Any]:
    """The settings of an entry as plain values; empty when it is not there."""
    document = _yaml().load(text) or {}
    return {str(key): value for key, value in document.get(name, {}).items()}


def shown(name: str, values: Mapping[str, object]) -> str:
    """An entry as it stands in the file."""
    return with_entry("", name, values).rstrip()


def _changed(text: str, change: Any) -> str:
    """The text after a change of its document; ConfigError when it cannot be read, or not any more."""
    read_models(text, "models.yaml")
    yaml = _yaml()
    document = yaml.load(text)
    # A file of comments alone has no document to hang them on: they go in front again.
    remarks = text if document is None and text.strip() else ""
    document = _empty() if document is None else document
    change(document)
    made = io.StringIO()
    if document:
        yaml.dump(document, made)
    changed = f"{remarks.rstrip()}\n{made.getvalue()}" if remarks else made.getvalue()
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
    """ConfigError for what cannot be an entry's name: it is typed after -m."""
    if not name or name.startswith("-") or any(sign in name for sign in " \t\"'|:#/\\"):
        hint = "letters, digits, - _ and . make a name"
        raise ConfigError(f"{name!r} cannot be a model's name", hint=hint)
