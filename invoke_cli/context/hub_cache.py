"""Find models in the cache of huggingface_hub, by their ID on Hugging Face. Opens no connection."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from invoke_cli.input_files import CONFIG, read_input_text

_ID = re.compile(r"[\w.-]+/[\w.-]+")


def is_hub_id(name: str) -> bool:
    """Return whether a name has the form of an ID on Hugging Face, `owner/name`."""
    return bool(_ID.fullmatch(name))


def hub_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the cache: $HF_HUB_CACHE, or else a subfolder of $HF_HOME or of the user's cache."""
    chosen = environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    caches = environment.get("XDG_CACHE_HOME") or "~/.cache"
    home = environment.get("HF_HOME") or f"{caches}/huggingface"
    return Path(home).expanduser() / "hub"


def find_snapshot(name: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder of a model's downloaded version in the cache; None if there is none."""
    if not is_hub_id(name):
        return None
    snapshot = latest_snapshot(hub_cache(environment) / f"models--{name.replace('/', '--')}")
    return snapshot if snapshot is not None and (snapshot / "model_index.json").is_file() else None


def latest_snapshot(repository: Path) -> Path | None:
    """Return the folder of the downloaded version in a repository's folder of a cache; None if there is none."""
    try:
        revision = read_input_text(repository / "refs" / "main", CONFIG).strip()
        snapshot = repository / "snapshots" / revision
        return snapshot if revision and snapshot.is_dir() else None
    except (OSError, ValueError):
        return None
