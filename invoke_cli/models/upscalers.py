"""Diffusion upscalers, identified by their pipeline class. Pure data, and reading of configs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invoke_cli.documents import parse_json
from invoke_cli.errors import ModelError
from invoke_cli.input_files import MODEL_CONFIG, read_input_text
from invoke_cli.models.files.folder import weights_in

_RESTORE = "download or restore its folder"
_IGNORED_KEYS = ("_diffusers_version", "_name_or_path")


@dataclass(frozen=True, kw_only=True, slots=True)
class UpscalerKind:
    """A row of the table of diffusion upscalers.

    Attributes:
        field: The field of the request that selects it.
        pipeline: The diffusers class.
        factor: The scale factor.
        multiple: Sides must be multiples of this many pixels.
        published: A published model on Hugging Face.
        takes_latents: Whether it accepts latents of the same VAE.
    """

    field: str
    pipeline: str
    factor: int
    multiple: int
    published: str
    takes_latents: bool = False


UPSCALER_KINDS: tuple[UpscalerKind, ...] = (
    UpscalerKind(
        field="latent_up", pipeline="StableDiffusionLatentUpscalePipeline", factor=2, multiple=64, takes_latents=True,
        published="stabilityai/sd-x2-latent-upscaler",
    ),
    UpscalerKind(
        field="sr", pipeline="StableDiffusionUpscalePipeline", factor=4, multiple=8,
        published="stabilityai/stable-diffusion-x4-upscaler",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Upscaler:
    """An upscaler in a folder.

    Attributes:
        name: The name of its entry or of its folder.
        reference: The name or the path as typed.
        kind: Its row.
        folder: Its folder.
        sha256: The hash of its weights; may be empty.
        vae: What identifies its latent space; may be empty.
    """

    name: str
    reference: str
    kind: UpscalerKind
    folder: Path
    sha256: str = ""
    vae: str = ""

    @property
    def weights(self) -> tuple[Path, ...]:
        """The weight files: UNet, VAE and text encoder."""
        return tuple(path for files in self.parts.values() for path in files)

    @property
    def parts(self) -> Mapping[str, tuple[Path, ...]]:
        """The weight files of each network."""
        return {part: weights_in(self.folder / part, _RESTORE) for part in ("unet", "vae", "text_encoder")}

    @property
    def vae_config(self) -> str:
        """The config of its VAE as JSON, without version and path."""
        config = _read(self.folder / "vae" / "config.json")
        return json.dumps({key: config[key] for key in sorted(config) if key not in _IGNORED_KEYS})


def upscaler_at(folder: Path, name: str, reference: str = "") -> Upscaler | None:
    """Return the upscaler in a folder; None if it contains none. A `reference` is how the line names it."""
    try:
        index = _read(folder / "model_index.json")
    except ModelError:
        return None
    kind = next((row for row in UPSCALER_KINDS if row.pipeline == index.get("_class_name")), None)
    return Upscaler(name=name, reference=reference or name, kind=kind, folder=folder) if kind else None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = parse_json(read_input_text(path, MODEL_CONFIG))
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from None
    return content if isinstance(content, dict) else {}


def _damaged(path: Path, why: str) -> ModelError:
    return ModelError(f"the upscaler is damaged: {path}: {why}", hint=_RESTORE)
