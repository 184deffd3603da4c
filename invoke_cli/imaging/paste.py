"""Putting what was painted back into the picture that it belongs to: kept pixels stay as they are, to the byte."""

from __future__ import annotations

import numpy as np
from PIL import Image

from invoke_cli.imaging.masks import Mask
from invoke_cli.imaging.sizes import Box

RING = 16
NEAR = 24.0
_SMOOTH = 5.0
_EVEN = 8.0
_FEWEST = 64


def pasted(base: Image.Image, made: Image.Image, alpha: Mask, box: Box | None = None) -> Image.Image:
    """`made` over `base` by `alpha` (0..255), in `box` of `base` or all over it; both RGB, `made` of the box's size.

    The autoencoder shifts colours a little; what is painted is shifted back by what the kept pixels round it tell.
    """
    box = box or Box(0, 0, *base.size)
    below = np.asarray(base.crop(box), dtype=np.float32)
    above = np.asarray(made, dtype=np.float32)
    above = above + _shift(below, above, alpha)
    share = (alpha.astype(np.float32) / 255)[..., None]
    mixed = np.clip(below + (above - below) * share, 0, 255).round().astype(np.uint8)
    result = base.copy()
    result.paste(Image.fromarray(mixed), (box.left, box.top))
    return result


def _shift(below: np.ndarray, above: np.ndarray, alpha: Mask) -> np.ndarray:
    """What to add to `above` so that it fits `below`: on the whole what the kept pixels round the painted ones tell,
    and near the seam what those close by do, so that it does not show (after Perez et al., Poisson Image Editing, 2003:
    the correction runs inwards from the seam; here it fades over NEAR pixels instead of solving for a membrane).
    """
    kept = alpha == 0
    if not kept.any() or kept.all():
        return np.zeros(3, dtype=np.float32)
    from scipy import ndimage  # late: most pictures have no mask, and it takes a while

    depth, nearest = ndimage.distance_transform_edt(~kept, return_indices=True)
    ring = kept & (ndimage.distance_transform_edt(kept) <= RING)
    if ring.sum() < _FEWEST:
        return np.zeros(3, dtype=np.float32)
    difference = below - above
    whole = difference[ring].mean(axis=0)
    close_by = _averaged(difference, ring)[nearest[0], nearest[1]]
    fading = np.exp(-depth / NEAR).astype(np.float32)[..., None]
    # Smoothed, so that no edge shows where the nearest kept pixel changes from one side to another.
    nearby = ndimage.gaussian_filter((close_by - whole) * fading, (_EVEN, _EVEN, 0))
    shift: np.ndarray = whole + nearby
    return shift


def _averaged(difference: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """The difference averaged over the pixels of the ring that are close by."""
    from scipy import ndimage

    weight = ndimage.gaussian_filter(ring.astype(np.float32), _SMOOTH)[..., None]
    total = ndimage.gaussian_filter(np.where(ring[..., None], difference, 0.0), (_SMOOTH, _SMOOTH, 0))
    averaged: np.ndarray = total / np.maximum(weight, 1e-3)
    return averaged
