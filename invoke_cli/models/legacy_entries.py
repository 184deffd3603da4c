"""Entries of the models.yaml of InvokeAI 2.x, converted to settings of this program. Reads no files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# What becomes of each key, for the reference.
LEGACY_KEYS: Mapping[str, str] = {
    "description": "works",
    "default": "works",
    "format": "`diffusers` or `ckpt`; the files decide",
    "path": "works",
    "repo_id": "works if the model is in the cache of Hugging Face or below `models` in the root; `!import_model` "
    "downloads it",
    "weights": "the file of the model, like `path`",
    "config": "only `v2-inference-v.yaml` has a meaning, `prediction: v_prediction`; otherwise the file decides",
    "width": "the native size",
    "height": "the native size",
    "vae": "a file or folder; `path`, `repo_id` and `subfolder` below it work, too",
    "recommended": "no effect",
}
ONLY_LEGACY = frozenset({"repo_id", "weights", "config", "width", "height", "recommended"})
HUB = "hub:"  # begins the path of a model that is named by its repository on Hugging Face
_SIZES = range(64, 4097)
_V_PREDICTION = re.compile(r"(^|[/\\\\])v2-inference-v")


def is_legacy(body: Mapping[str, Any]) -> bool:
    """Return whether an entry has a form that only InvokeAI 2.x wrote."""
    return bool(ONLY_LEGACY & body.keys()) or body.get("format") == "ckpt" or isinstance(body.get("vae"), Mapping)


def modern_entry(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of an entry of InvokeAI 2.x; what has no meaning here is left out."""
    entry = {key: value for key, value in body.items() if key not in ONLY_LEGACY and key not in ("format", "vae")}
    vae = body.get("vae")
    found: dict[str, object] = {"path": _location(body), "vae": _location(vae) if isinstance(vae, Mapping) else vae}
    found |= {"size": _size(body.get("width")), "prediction": _prediction(body.get("config"))}
    return entry | {key: value for key, value in found.items() if value is not None}


def _size(width: object) -> int | None:
    return width if isinstance(width, int) and width in _SIZES else None


def _prediction(config: object) -> str | None:
    return "v_prediction" if isinstance(config, str) and _V_PREDICTION.search(config) else None


def _location(body: Mapping[str, Any]) -> object:
    """Return the path of a model or a VAE, or `hub:` with its repository; None if the entry names none."""
    if (path := body.get("path", body.get("weights"))) is not None:
        return path
    parts = [body[key] for key in ("repo_id", "subfolder") if body.get(key) is not None]
    return f"{HUB}{'/'.join(map(str, parts))}" if "repo_id" in body else None
