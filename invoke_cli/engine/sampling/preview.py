"""Render latents as small images without the VAE: with a linear map (milliseconds on a CPU) or a tiny VAE."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from invoke_cli.engine import Model
from invoke_cli.engine.devices import Device
from invoke_cli.errors import ModelError
from invoke_cli.models.families.family import Matrix


def to_image(latents: torch.Tensor, factors: Matrix) -> Image.Image:
    """Render latents (channels, height, width) as an RGB image with one pixel per latent.

    Args:
        latents: Latents of unit variance.
        factors: A row of red, green and blue per channel, and a last row with the bias; maps to 0..1.
    """
    values = latents.detach().to("cpu", torch.float32).numpy()
    weights = np.asarray(factors, dtype=np.float32)
    rgb = np.tensordot(values, weights[:-1], axes=([0], [0])) + weights[-1]
    return Image.fromarray((np.clip(np.nan_to_num(rgb), 0, 1) * 255).round().astype(np.uint8), mode="RGB")


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
    try:
        vae = diffusers.AutoencoderTiny.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, torch_dtype=device.dtype
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise _unusable(model, folder, (str(error).strip() or type(error).__name__).splitlines()[0][:200]) from None
    if vae.config.latent_channels != channels:
        raise _unusable(model, folder, f"it takes {vae.config.latent_channels} channels, the model has {channels}")
    return vae.to(device.torch_device).requires_grad_(False)


def _unusable(model: Model, folder: Path, reason: str) -> ModelError:
    hint = f"remove it with !edit_model {model.spec.name} preview_vae none; each TAESD variant fits one model family"
    return ModelError(f"the preview VAE {folder} cannot be used: {reason}", hint=hint, field="model")
