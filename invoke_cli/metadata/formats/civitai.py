"""Read the resources of an image that sites note in A1111's parameters: model, LoRAs and their weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from invoke_cli.documents import parse_json
from invoke_cli.metadata.builder import MetadataBuilder, objects

CIVITAI_KEYS = frozenset({"Civitai resources", "Civitai metadata", "Hashes", "Lora hashes", "Lora weights"})

_MODELS = {"checkpoint", "model"}
_LORAS = {"lora", "locon", "lycoris", "dora"}
_MAX_RESOURCES = 100


def read_resources(builder: MetadataBuilder, pairs: Mapping[str, str]) -> None:
    """Set the model, unless it has a name already, and list the LoRAs, each once, and all other resources."""
    for resource in objects(_document(pairs.get("Civitai resources")))[:_MAX_RESOURCES]:
        _read_resource(builder, resource)
    if "Civitai resources" in pairs and not objects(_document(pairs["Civitai resources"])):
        builder.drop("Civitai resources", pairs["Civitai resources"].strip("[] "))
    known = {lora.name for lora in builder.loras_found}
    hashes = _named_hashes(pairs.get("Lora hashes", ""))
    weights = pairs.get("Lora weights", "").replace(";", ",").split(",")
    parallel = len(weights) == len(hashes)
    for index, name in enumerate(hashes):
        if name not in known:
            builder.lora(name, weights[index].rpartition(":")[2].strip() if parallel else "")
    _read_hashes(builder, _document(pairs.get("Hashes")), known | set(hashes))
    details = _document(pairs.get("Civitai metadata"))
    for key, value in (details if isinstance(details, dict) else {}).items():
        builder.drop(f"Civitai metadata {key}", value)


def _read_resource(builder: MetadataBuilder, resource: Mapping[str, Any]) -> None:
    kind = str(resource.get("type", "")).lower()
    name = _resource_name(resource)
    if kind in _LORAS:
        if name not in {lora.name for lora in builder.loras_found}:
            builder.lora(name, resource.get("weight", ""), is_path=False)
    elif kind in _MODELS and "model" not in builder.facts:
        builder.model(name, resource.get("hash") or "")
    else:
        weight = resource.get("weight")
        builder.drop(kind or "resource", name if weight is None else f"{name} at {weight}")


def _resource_name(resource: Mapping[str, Any]) -> str:
    name = resource.get("modelName") or resource.get("name")
    if isinstance(name, str) and name.strip():
        return name
    return f"with Civitai's version number {resource.get('modelVersionId') or resource.get('hash') or '?'}"


def _read_hashes(builder: MetadataBuilder, document: object, known: set[str]) -> None:
    """Take the model's hash and LoRAs without another mention from a table of hashes."""
    for key, value in list(document.items() if isinstance(document, dict) else ())[:_MAX_RESOURCES]:
        kind, _, name = str(key).partition(":")
        if kind == "model" and "model hash" not in builder.facts:
            builder.model(None, value)
        elif kind.lower() in _LORAS and name not in known:
            builder.lora(name)


def _named_hashes(text: str) -> list[str]:
    """Return the names in text such as `ink: 0a1b, film: 2c3d`."""
    return re.findall(r"([^:,]{1,200}?)\s*:\s*[0-9a-fA-F]{4,64}(?:\s*,\s*|$)", text)[:_MAX_RESOURCES]


def _document(text: str | None) -> object:
    try:
        return parse_json(text or "null")
    except (ValueError, RecursionError):
        return None
