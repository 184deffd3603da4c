"""Latents as rows of tokens and as pictures: some transformers take four neighbours as one token."""

from __future__ import annotations

import torch

FOUR = 2


def unpacked(latents: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Latents as (n, channels, rows, columns), from that shape itself, from (n, channels, 1, rows, columns) or from
    tokens (n, rows / 2 x columns / 2, 4 x channels) as FLUX and its kin order them.
    """
    if latents.ndim == 5:
        return latents[:, :, 0]
    if latents.ndim != 3:
        return latents
    count, _, width = latents.shape
    cells = latents.view(count, rows // FOUR, columns // FOUR, width // 4, FOUR, FOUR)
    return cells.permute(0, 3, 1, 4, 2, 5).reshape(count, width // 4, rows, columns)


def packed_like(picture: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """The inverse of `unpacked`: (n, channels, rows, columns) in the shape of `latents`."""
    if latents.ndim != 3:
        return picture.reshape(latents.shape)
    count, channels, rows, columns = picture.shape
    cells = picture.view(count, channels, rows // FOUR, FOUR, columns // FOUR, FOUR)
    return cells.permute(0, 2, 4, 1, 3, 5).reshape(latents.shape)
