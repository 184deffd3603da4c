"""Render latents as small images without the VAE: with a linear map (milliseconds on a CPU) or a tiny VAE."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from invoke_cli.engine import Model
from invoke_cli.engine.devices import Device
from invoke_cli.engine.loading.components import load_network
from invoke_cli.engine.loading.weights import FILE_ERRORS, WeightsOwner, first_line
from invoke_cli.errors import ModelError
from invoke_cli.models.families.family import Matrix
from invoke_cli.models.files.folder import weights_in

_HINT = "remove it with !edit_model {} preview_vae none; each TAESD variant fits one model family"


def to_image(latents: torch.Tensor, factors: Matrix) -> Image.Image:
    """Render latents (channels, height, width) as an RGB image with one pixel per latent.

    Args:
        latents: Latents of unit variance.
        factors: A row of red, green and blue per channel, and a last row with the bias; maps to 0..1. With nine rows
            per channel, they apply to the 3 x 3 latents around each pixel, row by row.
    """
    values = latents.detach().to("cpu", torch.float32).numpy()
    if len(factors) == 9 * len(values) + 1:
        values = _neighbours(values)
    weights = np.asarray(factors, dtype=np.float32)
    rgb = np.tensordot(values, weights[:-1], axes=([0], [0])) + weights[-1]
    return Image.fromarray((np.clip(np.nan_to_num(rgb), 0, 1) * 255).round().astype(np.uint8), mode="RGB")


def _neighbours(values: np.ndarray) -> np.ndarray:
    """Return nine values per channel: those of the 3 x 3 latents around each position, edges repeated."""
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.moveaxis(windows, (3, 4), (1, 2)).reshape(-1, *values.shape[1:])


def decode_with_tiny_vae(latents: torch.Tensor, vae: Any) -> Image.Image:
    """Decode latents (channels, height, width) with a tiny VAE, which takes them scaled, as the denoiser does."""
    with torch.no_grad():
        decoded = vae.decode(latents[None].to(vae.device, vae.dtype)).sample[0]
    pixels = (decoded.float() / 2 + 0.5).clamp(0, 1).nan_to_num().permute(1, 2, 0)
    return Image.fromarray((pixels.cpu().numpy() * 255).round().astype(np.uint8), mode="RGB")


def load_tiny_vae(model: Model, channels: int, device: Device) -> Any | None:
    """Load the tiny VAE (TAESD or a relative) that the model's entry names for previews; None if it names none.

    Raises:
        ModelError: The VAE cannot be loaded, or has another number of latent channels.
    """
    import diffusers

    folder = model.facts.preview_vae
    if folder is None:
        return None
    hint = _HINT.format(model.spec.name)
    owner = WeightsOwner(name=f"the preview VAE of {model.spec.name}", field="model", hint=hint)
    try:
        files = weights_in(folder, hint, "preview VAE")
        vae, _ = load_network(diffusers.AutoencoderTiny, folder, files, owner, dtype=device.dtype)
    except FILE_ERRORS as error:
        raise _unusable(model, folder, first_line(error)) from None
    if vae.config.latent_channels != channels:
        raise _unusable(model, folder, f"it takes {vae.config.latent_channels} channels, the model has {channels}")
    return vae.to(device.torch_device).requires_grad_(False)


def _unusable(model: Model, folder: Path, reason: str) -> ModelError:
    hint = _HINT.format(model.spec.name)
    return ModelError(f"the preview VAE {folder} cannot be used: {reason}", hint=hint, field="model")
