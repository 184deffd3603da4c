"""Giving one picture another's colours. Arrays are uint8 RGB; LAB is CIE 1976 under D65, float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

# sRGB to XYZ and its white (IEC 61966-2-1); the bends of CIE 15.
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]],
    dtype=np.float32,
)
_WHITE = _TO_XYZ.sum(axis=1)
_BEND = 6 / 29
_RANKS = 257


def matched(image: Image.Image, reference: Image.Image, way: str, share: Image.Image | None = None) -> Image.Image:
    """`image` with the colours of `reference`, both RGB of one size, by a row of `MATCHINGS`.

    `share` (mode L) tells how much of each pixel may change: only where it is above 0 colours are looked at, and where
    it is 0 a pixel stays as it is.
    """
    pixels, model = np.asarray(image), np.asarray(reference)
    where = np.ones(pixels.shape[:2], dtype=bool) if share is None else np.asarray(share) > 0
    if not where.any():
        return image
    made = MATCHINGS[way](pixels[where], model[where])
    if share is not None:
        weight = (np.asarray(share)[where].astype(np.float32) / 255)[:, None]
        made = np.round(pixels[where] + (made.astype(np.float32) - pixels[where]) * weight).astype(np.uint8)
    result = pixels.copy()
    result[where] = made
    return Image.fromarray(result)


def lab_distance(first: Image.Image, second: Image.Image, share: Image.Image | None = None) -> float:
    """The mean distance in LAB of two pictures' colours, wherever they lie: those of equal rank on each axis are
    compared. Only pixels inside `share` count where it is given.
    """
    parts = [np.asarray(picture).reshape(-1, 3) for picture in (first, second)]
    if share is not None:
        where = np.asarray(share).reshape(-1) > 0
        parts = [part[where] for part in parts]
    if not len(parts[0]):
        return 0.0
    one, other = (np.quantile(to_lab(part), np.linspace(0, 1, _RANKS), axis=0) for part in parts)
    return float(np.linalg.norm(np.abs(one - other).mean(axis=0)))


def to_lab(pixels: Pixels) -> Floats:
    """LAB of sRGB pixels (n, 3)."""
    values = pixels.astype(np.float32) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    scaled = linear @ _TO_XYZ.T / _WHITE
    bent = np.where(scaled > _BEND**3, np.cbrt(scaled), scaled / (3 * _BEND**2) + 4 / 29)
    x, y, z = bent.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1).astype(np.float32)


def from_lab(lab: Floats) -> Pixels:
    """The nearest sRGB pixels (n, 3) of LAB."""
    y = (lab[:, 0] + 16) / 116
    bent = np.stack([y + lab[:, 1] / 500, y, y - lab[:, 2] / 200], axis=1)
    scaled = np.where(bent > _BEND, bent**3, 3 * _BEND**2 * (bent - 4 / 29))
    linear = np.clip(scaled * _WHITE @ np.linalg.inv(_TO_XYZ).T, 0, 1)
    values = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    pixels: Pixels = np.round(values * 255).astype(np.uint8)
    return pixels


def _by_histogram(pixels: Pixels, model: Pixels) -> Pixels:
    """Each channel's values by rank: the share of pixels at or below a value becomes the same."""
    result = np.empty_like(pixels)
    for channel in range(3):
        ranks, wanted = (np.bincount(part[:, channel], minlength=256).cumsum() for part in (pixels, model))
        used = np.unique(model[:, channel])
        levels = np.interp(ranks / len(pixels), wanted[used] / len(model), used)
        result[:, channel] = np.round(levels).astype(np.uint8)[pixels[:, channel]]
    return result


def _by_lab(pixels: Pixels, model: Pixels) -> Pixels:
    """Mean and deviation of lightness and both colour axes (Reinhard et al., Color Transfer between Images, 2001)."""
    return from_lab(_standardised(to_lab(pixels), to_lab(model), first=0))


def _by_chroma(pixels: Pixels, model: Pixels) -> Pixels:
    """The same of the two colour axes alone: light and shade stay."""
    return from_lab(_standardised(to_lab(pixels), to_lab(model), first=1))


def _standardised(lab: Floats, model: Floats, first: int) -> Floats:
    """The axes from `first` on with the model's mean and deviation; an axis without any keeps its own deviation."""
    result = lab.copy()
    for axis in range(first, 3):
        mean, spread = float(lab[:, axis].mean()), float(lab[:, axis].std())
        wanted, wanted_spread = float(model[:, axis].mean()), float(model[:, axis].std())
        scale = wanted_spread / spread if spread > 1e-3 else 1.0
        result[:, axis] = (lab[:, axis] - mean) * scale + wanted
    return result


MATCHINGS: Mapping[str, Callable[[Pixels, Pixels], Pixels]] = {
    "histogram": _by_histogram,
    "lab": _by_lab,
    "chroma": _by_chroma,
}
