"""Latents as small pictures by a linear map, without the VAE. Milliseconds on a CPU."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from invoke_cli.models.family import Matrix


def to_picture(latents: torch.Tensor, factors: Matrix) -> Image.Image:
    """A picture of latents (channels, height, width), a pixel for each.

    `factors` has a row of red, green, blue for each channel and a last one that is added; the result is in 0..1.
    """
    values = latents.detach().to("cpu", torch.float32).numpy()
    weights = np.asarray(factors, dtype=np.float32)
    rgb = np.tensordot(values, weights[:-1], axes=([0], [0])) + weights[-1]
    return Image.fromarray((np.clip(np.nan_to_num(rgb), 0, 1) * 255).round().astype(np.uint8), mode="RGB")
