"""Tell whether two models share a VAE, so that the latents of one can be used with the other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from invoke_cli.input_files import file_sha256
from invoke_cli.models.files.folder import ModelFacts


def latents_identity(vae_config: str, vae_weights: Sequence[Path]) -> str:
    """Return a hash of the configuration and the weights of a VAE; models with the same hash can share latents."""
    digest = hashlib.sha256(vae_config.encode())
    for path in vae_weights:
        digest.update(file_sha256(path))
    return digest.hexdigest()


def is_same_config(one: ModelFacts, other: ModelFacts) -> bool:
    """Return whether the configs of two VAEs are equal, apart from what they say of their origin."""
    configs = [json.loads(facts.vae_config or "{}") for facts in (one, other)]
    origins = ("_name_or_path", "_diffusers_version", "_commit_hash")
    plain = [{key: value for key, value in config.items() if key not in origins} for config in configs]
    return bool(plain[0]) and plain[0] == plain[1]
