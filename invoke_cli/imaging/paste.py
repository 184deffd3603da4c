"""Paste the inpainted part back into its source; kept pixels do not change by a single byte."""

from __future__ import annotations

import numpy as np
from PIL import Image

from invoke_cli.imaging.masks import Mask
from invoke_cli.imaging.sizes import Box

RING = 16
NEAR = 24.0
_SMOOTH = 5.0
_SMOOTH_SHIFT = 8.0
_MIN_RING_PIXELS = 64


def composite(
    base: Image.Image, made: Image.Image, alpha: Mask, box: Box | None = None, *, match: bool = True
) -> Image.Image:
    """Composite `made` over `base`.

    The autoencoder shifts colours slightly, and the model's colours may differ from those of the image; with `match`,
    the painted part is shifted by the difference of the kept pixels around it.

    Args:
        base: The source, RGB.
        made: The painted image, RGB, of the box's size.
        alpha: The weight of `made` at each pixel, 0..255.
        box: The position in `base`; by default all of it.
        match: Whether to match the colours of the painted part to its surroundings.
    """
    box = box or Box(0, 0, *base.size)
    below = np.asarray(base.crop(box), dtype=np.float32)
    above = np.asarray(made, dtype=np.float32)
    if match:
        above = above + _shift(below, above, alpha)
    share = (alpha.astype(np.float32) / 255)[..., None]
    mixed = np.clip(below + (above - below) * share, 0, 255).round().astype(np.uint8)
    result = base.copy()
    result.paste(Image.fromarray(mixed), (box.left, box.top))
    return result


def _shift(below: np.ndarray, above: np.ndarray, alpha: Mask) -> np.ndarray:
    """Return the correction to add to `above` so that it matches `below`, (height, width, 3) or (3,).

    It is the mean difference of the kept pixels around the painted area, plus near the seam that of the nearest ones,
    so that the seam is invisible (after Perez et al., Poisson Image Editing, 2003: the correction propagates inwards
    from the seam; here it fades over NEAR pixels instead of solving for a membrane).
    """
    kept = alpha == 0
    if not kept.any() or kept.all():
        return np.zeros(3, dtype=np.float32)
    from scipy import ndimage  # slow to import, and most images have no mask

    depth, nearest = ndimage.distance_transform_edt(~kept, return_indices=True)
    ring = kept & (ndimage.distance_transform_edt(kept) <= RING)
    if ring.sum() < _MIN_RING_PIXELS:
        return np.zeros(3, dtype=np.float32)
    difference = below - above
    overall = difference[ring].mean(axis=0)
    local = _averaged(difference, ring)[nearest[0], nearest[1]]
    fading = np.exp(-depth / NEAR).astype(np.float32)[..., None]
    # Smoothed, to avoid a visible edge where the nearest kept pixel changes from one side to another.
    nearby = ndimage.gaussian_filter((local - overall) * fading, (_SMOOTH_SHIFT, _SMOOTH_SHIFT, 0))
    shift: np.ndarray = overall + nearby
    return shift


def _averaged(difference: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Return the difference, averaged over nearby pixels of the ring."""
    from scipy import ndimage

    weight = ndimage.gaussian_filter(ring.astype(np.float32), _SMOOTH)[..., None]
    total = ndimage.gaussian_filter(np.where(ring[..., None], difference, 0.0), (_SMOOTH, _SMOOTH, 0))
    averaged: np.ndarray = total / np.maximum(weight, 1e-3)
    return averaged
