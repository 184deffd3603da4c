"""Another VAE for a model, as its entry names it: where it lies, and whether it fits. Reads no tensor."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from invoke_cli.errors import ModelError
from invoke_cli.models.files.folder import ModelFacts, read_json, vae_facts, weights_in
from invoke_cli.models.files.pickles import PICKLES, refused
from invoke_cli.models.files.weights_header import read_header, shape_of

_HINT = "name a VAE that was made for this kind of model, or take vae: out of the entry"
_BLOCK = re.compile(r"decoder\.up(?:_blocks)?\.(\d+)\.")


def with_vae(facts: ModelFacts, path: Path, name: str) -> ModelFacts:
    """The facts of the model `name` with the VAE at `path` (its folder, a model's folder with one, or a .safetensors
    file); ModelError, naming both, when it is not there or does not fit.
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
            raise _misfit(facts, path, name, f"{key.strip('_')} is {config.get(key)} in it and {own.get(key)} here")
    if _stages(config) != _stages(own):
        raise _misfit(facts, path, name, f"it has {_stages(config)} stages where {_stages(own)} are wanted")
    changed = replace(vae_facts(facts, config), vae_from=folder, parts={**facts.parts, facts.family.vae: files})
    weights = dict.fromkeys(each for part in changed.parts.values() for each in part)
    return replace(changed, weights=tuple(weights))


def _config_of_file(facts: ModelFacts, path: Path, name: str) -> dict[str, Any]:
    """The model's own VAE's config, with the widths that the file has; a file has none itself."""
    if not path.is_file():
        raise ModelError(f"the VAE of the model {name} is missing: {path}", hint=_HINT, field="model")
    if path.suffix in PICKLES:
        raise refused(path)
    header = read_header(path) if path.suffix == ".safetensors" else None
    if header is None:
        raise ModelError(f"{path.name} is no folder and no whole .safetensors file", hint=_HINT, field="model")
    plain = {key.removeprefix("first_stage_model.").removeprefix("vae."): entry for key, entry in header.items()}
    inner, outer = shape_of(plain, "decoder.conv_in.weight"), shape_of(plain, "encoder.conv_in.weight")
    if len(inner) < 2 or not outer:
        raise _misfit(facts, path, name, "it holds no autoencoder that is known")
    own: dict[str, Any] = json.loads(facts.vae_config)
    channels = "latent_channels" if "latent_channels" in own else "z_dim"
    stages = {match[1] for match in map(_BLOCK.match, plain) if match}
    blocks = list(own.get("block_out_channels", ()))
    if blocks and (len(stages) != len(blocks) or outer[0] != blocks[0]):
        message = f"it has {len(stages)} stages from {outer[0]} channels on, here are {len(blocks)} from {blocks[0]} on"
        raise _misfit(facts, path, name, message)
    return {**own, channels: inner[1]}


def _stages(config: Mapping[str, Any]) -> int:
    return len(config.get("block_out_channels", config.get("encoder_block_out_channels", ())))


def _misfit(facts: ModelFacts, path: Path, name: str, reason: str) -> ModelError:
    message = f"the VAE {path.name} does not fit {name} ({facts.family.label}): {reason}"
    return ModelError(message, hint=_HINT, field="model")
