"""The family table, and the detection of a model's family. Pure data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from invoke_cli.errors import ModelError
from invoke_cli.models.families.family import Family
from invoke_cli.models.families.flux import FLUX_FAMILIES
from invoke_cli.models.families.transformer import TRANSFORMER_FAMILIES
from invoke_cli.models.families.unet import UNET_FAMILIES
from invoke_cli.plugins import PluginKind, plugins

# The first match wins: special families come before general ones.
FAMILIES: tuple[Family, ...] = (*UNET_FAMILIES, *FLUX_FAMILIES, *TRANSFORMER_FAMILIES)


def family_of(index: Mapping[str, Any], configs: Mapping[str, Mapping[str, Any]]) -> Family:
    """Detect the family of a model.

    Args:
        index: The content of its model_index.json.
        configs: The configs of its components.

    Raises:
        ModelError: If the family is not supported.
    """
    class_name = index.get("_class_name")
    if not isinstance(class_name, str) or not class_name:
        hint = "it is no model of diffusers, or its model_index.json is incomplete: download or restore that file"
        raise ModelError("model_index.json does not name a pipeline class", hint=hint, field="model")
    for family in _all_families():
        if class_name in family.pipelines and _matches_config(family, {**configs, "index": index}):
            return family
    known = ", ".join(family.label for family in _all_families())
    raise ModelError(f"models of the class {class_name} are not supported", hint=f"supported: {known}", field="model")


def family_named(name: str) -> Family:
    """Return the family with this name."""
    return next(family for family in _all_families() if family.name == name)


def _all_families() -> Iterator[Family]:
    """Yield the built-in families, then those of plug-ins, which are imported only when they are reached."""
    yield from FAMILIES
    yield from plugins().rows(PluginKind.FAMILY, Family)


def _matches_config(family: Family, configs: Mapping[str, Mapping[str, Any]]) -> bool:
    def value(key_path: str) -> object:
        part, _, key = key_path.partition(".")
        return configs.get(part, {}).get(key)

    return all(value(key_path) == expected for key_path, expected in family.match_config.items())
