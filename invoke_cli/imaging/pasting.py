"""Putting what was painted back into the picture that it belongs to: kept pixels stay as they are, to the byte."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from invoke_cli.imaging.masks import Mask
from invoke_cli.imaging.sizes import Box

RING = 16
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
    """What to add to each channel of `above` so that it fits `below` on the kept pixels round the painted ones."""
    kept = alpha == 0
    if not kept.any() or kept.all():
        return np.zeros(3, dtype=np.float32)
    ring = kept & (ndimage.distance_transform_edt(kept) <= RING)
    if ring.sum() < _FEWEST:
        return np.zeros(3, dtype=np.float32)
    difference: np.ndarray = (below[ring] - above[ring]).mean(axis=0)
    return difference
