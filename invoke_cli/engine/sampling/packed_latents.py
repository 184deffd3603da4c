"""Convert between packed latents (tokens) and spatial ones: some transformers pack 2 x 2 latents into a token."""

from __future__ import annotations

import torch

PATCH = 2


def unpacked(latents: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Convert latents to (n, channels, rows, columns).

    Args:
        latents: (n, channels, rows, columns), (n, channels, 1, rows, columns), or packed tokens
            (n, rows / 2 x columns / 2, 4 x channels) in the order of FLUX and related models.
        rows: The height in latents.
        columns: The width in latents.
    """
    if latents.ndim == 5:
        return latents[:, :, 0]
    if latents.ndim != 3:
        return latents
    count, _, width = latents.shape
    cells = latents.view(count, rows // PATCH, columns // PATCH, width // 4, PATCH, PATCH)
    return cells.permute(0, 3, 1, 4, 2, 5).reshape(count, width // 4, rows, columns)


def packed_like(spatial: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """Convert (n, channels, rows, columns) back to the shape of `latents`; the inverse of `unpacked`."""
    if latents.ndim != 3:
        return spatial.reshape(latents.shape)
    count, channels, rows, columns = spatial.shape
    cells = spatial.view(count, channels, rows // PATCH, PATCH, columns // PATCH, PATCH)
    return cells.permute(0, 2, 4, 1, 3, 5).reshape(latents.shape)
