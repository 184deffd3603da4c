"""Transfer one image's colours to another. Arrays are uint8 RGB; LAB is CIE 1976 under D65, float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

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
_MAX_ATTEMPTS = 8
_MIN_EXTENT = 0.1


def matched(
    image: Image.Image,
    reference: Image.Image,
    method: str,
    share: Image.Image | None = None,
    reference_share: Image.Image | None = None,
) -> Image.Image:
    """Return `image` with the colours of `reference`. No axis of LAB ends up further from it than before.

    Args:
        image: RGB.
        reference: RGB, of any size.
        method: A key of `MATCHING_METHODS`.
        share: Mode L: how much each pixel may change. Pixels at 0 do not change, and are left out of the statistics.
        reference_share: Mode L: pixels of `reference` at 0 are left out of the statistics.
    """
    pixels, model = _selected(image, share), _selected(reference, reference_share)
    if not len(pixels) or not len(model):
        return image
    changed = _without_overshoot(pixels, model, MATCHING_METHODS[method](pixels, model))
    result = np.array(image)
    if share is None:
        return Image.fromarray(changed.reshape(result.shape))
    inside = np.asarray(share) > 0
    weight = (np.asarray(share)[inside].astype(np.float32) / 255)[:, None]
    result[inside] = np.round(pixels + (changed.astype(np.float32) - pixels) * weight).astype(np.uint8)
    return Image.fromarray(result)


def lab_distance(
    first: Image.Image,
    second: Image.Image,
    share: Image.Image | None = None,
    second_share: Image.Image | None = None,
) -> float:
    """Return the LAB distance of two images' colour distributions, independent of position and size.

    Only pixels inside `share` and `second_share` (mode L) count, if they are given.
    """
    parts = _selected(first, share), _selected(second, second_share)
    if not len(parts[0]) or not len(parts[1]):
        return 0.0
    return float(np.linalg.norm(axis_distances(*map(to_lab, parts))))


def _selected(image: Image.Image, share: Image.Image | None) -> Pixels:
    """Return the pixels (n, 3) that count."""
    pixels: Pixels = np.asarray(image).reshape(-1, 3)
    return pixels if share is None else pixels[np.asarray(share).reshape(-1) > 0]


def axis_distances(lab: Floats, model: Floats) -> Floats:
    """Return the Wasserstein distance of two distributions on each axis of LAB."""
    return np.array([_wasserstein(lab[:, axis], model[:, axis]) for axis in range(3)], dtype=np.float32)


def _wasserstein(values: Floats, model: Floats) -> float:
    """Return the area between two cumulative distributions."""
    ordered, target = np.sort(values), np.sort(model)
    if len(ordered) == len(target):
        return float(np.abs(ordered.astype(np.float64) - target).mean())
    levels = np.sort(np.concatenate([ordered, target]))
    shares = [np.searchsorted(each, levels[:-1], side="right") / len(each) for each in (ordered, target)]
    return float((np.abs(shares[0] - shares[1]) * np.diff(levels.astype(np.float64))).sum())


def _without_overshoot(pixels: Pixels, model: Pixels, wanted: Floats) -> Pixels:
    """Convert LAB to pixels, and go less far on each axis that colours outside sRGB would move away from the model."""
    lab, target = to_lab(pixels), to_lab(model)
    before, extent = axis_distances(lab, target), np.ones(3, dtype=np.float32)
    is_moved = (wanted != lab).any(axis=0)
    for _ in range(_MAX_ATTEMPTS):
        result = from_lab(lab + (wanted - lab) * extent)
        is_further = is_moved & (axis_distances(to_lab(result), target) > before)
        if not is_further.any():
            return result
        extent = np.where(is_further, extent / 2, extent).astype(np.float32)
        if extent.min() < _MIN_EXTENT:  # one axis is moved by colours that the others push out of sRGB
            extent = np.full(3, extent.min(), dtype=np.float32)
    return pixels


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


def _by_histogram(pixels: Pixels, model: Pixels) -> Floats:
    """Match each channel's cumulative histogram: pixels of one value get the mean of the values at their ranks.

    Where the channels of the two images depend on each other in different ways, that can move an axis of LAB away from
    the model; the axes of LAB are matched then.
    """
    channels = range(3)
    values = [_with_ranks(pixels[:, channel], model[:, channel]) for channel in channels]
    result = to_lab(np.round(np.stack(values, axis=1)).astype(np.uint8))
    lab, target = to_lab(pixels), to_lab(model)
    if (axis_distances(result, target) <= axis_distances(lab, target)).all():
        return result
    return np.stack([_with_ranks(lab[:, axis], target[:, axis]) for axis in channels], axis=1)


def _with_ranks(values: NDArray[Any], model: NDArray[Any]) -> Floats:
    """Return the values of one channel with those of the model that have the same ranks."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    target = np.sort(model).astype(np.float64)
    # The integral of the quantile function of the model, at the ends of the ranks of each value.
    area = np.concatenate([[0.0], target.cumsum() / len(target)])
    ends = np.concatenate([[0], counts.cumsum()]) / len(values)
    integral = np.interp(ends, np.linspace(0, 1, len(target) + 1), area)
    means: Floats = (np.diff(integral) / np.diff(ends)).astype(np.float32)
    return means[index]


def _by_lab(pixels: Pixels, model: Pixels) -> Floats:
    """Match mean and standard deviation of each LAB axis (Reinhard et al., Color Transfer between Images, 2001)."""
    return _standardised(to_lab(pixels), to_lab(model), first=0)


def _by_chroma(pixels: Pixels, model: Pixels) -> Floats:
    """Match mean and standard deviation of the two colour axes only; lightness does not change."""
    return _standardised(to_lab(pixels), to_lab(model), first=1)


def _standardised(lab: Floats, model: Floats, first: int) -> Floats:
    """Give the axes from `first` on the model's mean and deviation; axes with almost no deviation are only shifted."""
    result = lab.copy()
    for axis in range(first, 3):
        mean, deviation = float(lab[:, axis].mean()), float(lab[:, axis].std())
        target, target_deviation = float(model[:, axis].mean()), float(model[:, axis].std())
        scale = target_deviation / deviation if deviation > 1e-3 else 1.0
        result[:, axis] = (lab[:, axis] - mean) * scale + target
    return result


MATCHING_METHODS: Mapping[str, Callable[[Pixels, Pixels], Floats]] = {
    "histogram": _by_histogram,
    "lab": _by_lab,
    "chroma": _by_chroma,
}
