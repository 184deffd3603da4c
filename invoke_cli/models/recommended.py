"""Models to begin with: what they are, and how to get them. Pure functions of the text of `recommended.yaml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from invoke_cli.documents import parse_yaml


@dataclass(frozen=True, kw_only=True, slots=True)
class RecommendedModel:
    """A row of the list.

    Attributes:
        name: The name that it gets here.
        about: What it is good for.
        source: Where it is published, as `owner/name`.
        download: The approximate size of its files.
        memory: The memory that it needs.
        licence: Its licence.
        gated: Whether its licence must be accepted on its page before the download.
        also: Other names that people type for it.
    """

    name: str
    about: str
    source: str
    download: str
    memory: str
    licence: str
    gated: bool = False
    also: tuple[str, ...] = ()

    @property
    def gate(self) -> str:
        """What to do before the download; empty if nothing."""
        page = f"accept its licence at https://huggingface.co/{self.source}, then run: hf auth login"
        return page if self.gated else ""

    @property
    def command(self) -> str:
        """The command that downloads it."""
        return f"!import_model {self.source} {self.name}"


def read_recommended(text: str) -> tuple[RecommendedModel, ...]:
    """Parse the list; raises ValueError or TypeError if it is damaged."""
    from ruamel.yaml import YAML

    document: Mapping[str, Any] = parse_yaml(YAML(typ="safe"), text)
    return tuple(
        RecommendedModel(name=name, **{**entry, "also": tuple(entry.get("also", ()))})
        for name, entry in document.items()
    )


def recommended_named(models: Sequence[RecommendedModel], name: str) -> RecommendedModel | None:
    """Return the model of this name, in any spelling that people use; None if there is none."""
    wanted = _plain(name)
    return next((model for model in models if wanted in map(_plain, (model.name, *model.also))), None)


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(" ", "-")
