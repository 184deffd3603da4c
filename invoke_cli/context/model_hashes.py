"""The hashes of models, and whether two of them share a VAE, so that latents of one can be used with the other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from invoke_cli.engine import Model
from invoke_cli.input_files import file_sha256
from invoke_cli.models.files.folder import ModelFacts


def latents_identity(vae_config: str, vae_weights: Sequence[Path]) -> str:
    """Return a hash of the configuration and the weights of a VAE; models with the same hash can share latents."""
    digest = hashlib.sha256(vae_config.encode())
    for path in vae_weights:
        digest.update(file_sha256(path))
    return digest.hexdigest()


def _is_same_config(one: ModelFacts, other: ModelFacts) -> bool:
    """Return whether the configs of two VAEs are equal, apart from what they say of their origin."""
    configs = [json.loads(facts.vae_config or "{}") for facts in (one, other)]
    origins = ("_name_or_path", "_diffusers_version", "_commit_hash")
    plain = [{key: value for key, value in config.items() if key not in origins} for config in configs]
    return bool(plain[0]) and plain[0] == plain[1]


class ModelHashes:
    """Hashes of models and files, each computed once."""

    def __init__(self) -> None:
        self._hashes: dict[str, str] = {}
        self._same_vaes: dict[str, bool] = {}

    def of_model(self, model: Model) -> str:
        """Return the SHA-256 of a model; it is computed once per session.

        It covers the weight files, the quantisation and, unless it comes from the config, the prediction type.
        """
        facts, key = model.facts, model.facts.key
        if key not in self._hashes:
            prediction = facts.prediction_type if facts.prediction_type_source else ""
            digest = hashlib.sha256(f"{facts.quantize}{prediction}".encode())
            for path in facts.weights:
                digest.update(file_sha256(path))
            self._hashes[key] = digest.hexdigest()
        return self._hashes[key]

    def of_file(self, path: Path) -> str:
        """Return the SHA-256 of a file; it is computed again only if the file changes."""
        key = f"{path}:{path.stat().st_mtime_ns}"
        if key not in self._hashes:
            self._hashes[key] = file_sha256(path).hex()
        return self._hashes[key]

    def of_vae(self, model: Model) -> str:
        """Return the hash of a model's VAE (see `latents_identity`); it is computed once per session."""
        key = f"{model.facts.key}|vae"
        if key not in self._hashes:
            self._hashes[key] = latents_identity(model.facts.vae_config, model.facts.vae_weights)
        return self._hashes[key]

    def has_same_vae(self, one: Model, other: Model) -> bool:
        """Return whether two models can share latents: the same VAE, though perhaps stored in different precision."""
        if self.of_vae(one) == self.of_vae(other):
            return True
        if one.facts.family.vae != other.facts.family.vae or not _is_same_config(one.facts, other.facts):
            return False
        key = "|".join(sorted((self.of_vae(one), self.of_vae(other))))
        if key not in self._same_vaes:
            from invoke_cli.models.files.same_weights import is_same_network  # imports NumPy, which takes .1 s

            self._same_vaes[key] = is_same_network(one.facts.vae_weights, other.facts.vae_weights)
        return self._same_vaes[key]
