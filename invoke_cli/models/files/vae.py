"""Replace the VAE of a model, as set in its entry, and check that it is compatible. Reads no tensors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from invoke_cli.errors import ModelError
from invoke_cli.models.files.folder import ModelFacts, read_json, vae_facts, weights_in
from invoke_cli.models.files.pickles import PICKLES, pickle_error
from invoke_cli.models.files.weights_header import read_header, shape_of

_HINT = "use a VAE that was made for this kind of model, or remove vae: from the entry"
_BLOCK = re.compile(r"decoder\.up(?:_blocks)?\.(\d+)\.")


def with_vae(facts: ModelFacts, path: Path, name: str) -> ModelFacts:
    """Replace the VAE in the facts of a model.

    Args:
        facts: The facts of the model.
        path: The folder of a VAE or of a model with one, or a .safetensors file.
        name: The name of the model, for error messages.

    Raises:
        ModelError: If the VAE is missing, damaged or incompatible.
    """
    folder = path / facts.family.vae if (path / facts.family.vae / "config.json").is_file() else path
    if folder.is_dir():
        config = read_json(folder / "config.json", _HINT)
        files = weights_in(folder, _HINT)
    else:
        folder = path
        config, files = _config_of_file(facts, path, name), (path,)
    own = json.loads(facts.vae_config)
    for key in ("_class_name", "latent_channels", "z_dim"):
        if config.get(key) != own.get(key):
            raise _incompatible(facts, path, name, f"its {key.strip('_')} is {config.get(key)}, not {own.get(key)}")
    if _stages(config) != _stages(own):
        raise _incompatible(facts, path, name, f"it has {_stages(config)} stages, not {_stages(own)}")
    changed = replace(vae_facts(facts, config), vae_from=folder, parts={**facts.parts, facts.family.vae: files})
    weights = dict.fromkeys(each for part in changed.parts.values() for each in part)
    return replace(changed, weights=tuple(weights))


def _header_of(path: Path, name: str) -> Mapping[str, Any]:
    """Read the header of a VAE file. Raises ModelError if it is missing, a pickle or incomplete."""
    if not path.is_file():
        raise ModelError(f"the VAE of the model {name} is missing: {path}", hint=_HINT, field="model")
    if path.suffix.lower() in PICKLES:
        raise pickle_error(path)
    header = read_header(path) if path.suffix.lower() == ".safetensors" else None
    if header is None:
        raise ModelError(f"{path.name} is neither a folder nor a complete .safetensors file", hint=_HINT, field="model")
    return header


def _config_of_file(facts: ModelFacts, path: Path, name: str) -> dict[str, Any]:
    """Return the config of the model's own VAE with the widths in the file, which contains no config."""
    header = _header_of(path, name)
    unprefixed = {key.removeprefix("first_stage_model.").removeprefix("vae."): entry for key, entry in header.items()}
    inner, outer = shape_of(unprefixed, "decoder.conv_in.weight"), shape_of(unprefixed, "encoder.conv_in.weight")
    if len(inner) < 2 or not outer:
        raise _incompatible(facts, path, name, "it contains no known VAE")
    own: dict[str, Any] = json.loads(facts.vae_config)
    channels = "latent_channels" if "latent_channels" in own else "z_dim"
    stages = {match[1] for match in map(_BLOCK.match, unprefixed) if match}
    blocks = list(own.get("block_out_channels", ()))
    if blocks and (len(stages) != len(blocks) or outer[0] != blocks[0]):
        message = f"it has {len(stages)} stages from {outer[0]} channels, not {len(blocks)} from {blocks[0]}"
        raise _incompatible(facts, path, name, message)
    return {**own, channels: inner[1]}


def _stages(config: Mapping[str, Any]) -> int:
    return len(config.get("block_out_channels", config.get("encoder_block_out_channels", ())))


def _incompatible(facts: ModelFacts, path: Path, name: str, reason: str) -> ModelError:
    message = f"the VAE {path.name} does not fit {name} ({facts.family.label}): {reason}"
    return ModelError(message, hint=_HINT, field="model")
