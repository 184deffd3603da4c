"""Transfer one image's colours to another. Arrays are uint8 RGB; LAB is CIE 1976 under D65, float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

# sRGB to XYZ and its white point (IEC 61966-2-1); the linear threshold of CIE 15.
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]],
    dtype=np.float32,
)
_WHITE = _TO_XYZ.sum(axis=1)
_THRESHOLD = 6 / 29
_RANKS = 257


def matched(image: Image.Image, reference: Image.Image, way: str, share: Image.Image | None = None) -> Image.Image:
    """Return `image` with the colours of `reference`.

    Args:
        image: RGB.
        reference: RGB, of the same size.
        way: A key of `MATCHINGS`.
        share: Mode L: how much each pixel may change. Pixels at 0 do not change, and are left out of the statistics.
    """
    pixels, model = np.asarray(image), np.asarray(reference)
    selected = np.ones(pixels.shape[:2], dtype=bool) if share is None else np.asarray(share) > 0
    if not selected.any():
        return image
    result_pixels = MATCHING_METHODS[way](pixels[selected], model[selected])
    if share is not None:
        weight = (np.asarray(share)[selected].astype(np.float32) / 255)[:, None]
        result_pixels = np.round(
            pixels[selected] + (result_pixels.astype(np.float32) - pixels[selected]) * weight
        ).astype(np.uint8)
    result = pixels.copy()
    result[selected] = result_pixels
    return Image.fromarray(result)


def lab_distance(first: Image.Image, second: Image.Image, share: Image.Image | None = None) -> float:
    """Return the mean LAB distance of two images' colour distributions, independent of position.

    Colours of equal rank on each axis are compared. Only pixels inside `share` (mode L) count, if it is given.
    """
    parts = [np.asarray(image).reshape(-1, 3) for image in (first, second)]
    if share is not None:
        selected = np.asarray(share).reshape(-1) > 0
        parts = [part[selected] for part in parts]
    if not len(parts[0]):
        return 0.0
    ranks_a, ranks_b = (np.quantile(to_lab(part), np.linspace(0, 1, _RANKS), axis=0) for part in parts)
    return float(np.linalg.norm(np.abs(ranks_a - ranks_b).mean(axis=0)))


def to_lab(pixels: Pixels) -> Floats:
    """Convert sRGB pixels (n, 3), uint8, to LAB."""
    values = pixels.astype(np.float32) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    scaled = linear @ _TO_XYZ.T / _WHITE
    curved = np.where(scaled > _THRESHOLD**3, np.cbrt(scaled), scaled / (3 * _THRESHOLD**2) + 4 / 29)
    x, y, z = curved.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1).astype(np.float32)


def from_lab(lab: Floats) -> Pixels:
    """Convert LAB (n, 3) to the nearest sRGB pixels."""
    y = (lab[:, 0] + 16) / 116
    curved = np.stack([y + lab[:, 1] / 500, y, y - lab[:, 2] / 200], axis=1)
    scaled = np.where(curved > _THRESHOLD, curved**3, 3 * _THRESHOLD**2 * (curved - 4 / 29))
    linear = np.clip(scaled * _WHITE @ np.linalg.inv(_TO_XYZ).T, 0, 1)
    values = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    pixels: Pixels = np.round(values * 255).astype(np.uint8)
    return pixels


def _by_histogram(pixels: Pixels, model: Pixels) -> Pixels:
    """Match each channel's cumulative histogram."""
    result = np.empty_like(pixels)
    for channel in range(3):
        ranks, target = (np.bincount(part[:, channel], minlength=256).cumsum() for part in (pixels, model))
        used = np.unique(model[:, channel])
        levels = np.interp(ranks / len(pixels), target[used] / len(model), used)
        result[:, channel] = np.round(levels).astype(np.uint8)[pixels[:, channel]]
    return result


def _by_lab(pixels: Pixels, model: Pixels) -> Pixels:
    """Match mean and standard deviation of each LAB axis (Reinhard et al., Color Transfer between Images, 2001)."""
    return from_lab(_standardised(to_lab(pixels), to_lab(model), first=0))


def _by_chroma(pixels: Pixels, model: Pixels) -> Pixels:
    """Match mean and standard deviation of the two colour axes only; lightness does not change."""
    return from_lab(_standardised(to_lab(pixels), to_lab(model), first=1))


def _standardised(lab: Floats, model: Floats, first: int) -> Floats:
    """Give the axes from `first` on the model's mean and deviation; axes with almost no deviation are only shifted."""
    result = lab.copy()
    for axis in range(first, 3):
        mean, deviation = float(lab[:, axis].mean()), float(lab[:, axis].std())
        target, target_deviation = float(model[:, axis].mean()), float(model[:, axis].std())
        scale = target_deviation / deviation if deviation > 1e-3 else 1.0
        result[:, axis] = (lab[:, axis] - mean) * scale + target
    return result


MATCHING_METHODS: Mapping[str, Callable[[Pixels, Pixels], Pixels]] = {
    "histogram": _by_histogram,
    "lab": _by_lab,
    "chroma": _by_chroma,
}
