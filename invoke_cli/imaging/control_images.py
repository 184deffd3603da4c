"""Make control images from ordinary ones without a network: sharp and soft edges, scribbles."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

# The gradient thresholds that ControlNet's authors trained with (sum of both directions, 0 to 2040).
WEAK, STRONG = 100.0, 200.0

_BLUR = np.array([1.0, 2.0, 1.0]) / 4
_SMOOTH, _SLOPE = np.array([1.0, 2.0, 1.0]), np.array([-1.0, 0.0, 1.0])
# The offset of the neighbours across an edge, by the gradient's direction in eighths of a turn: (rows, columns).
_ACROSS = ((0, 1), (1, 1), (1, 0), (1, -1))
_AROUND = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0))
_LIGHT = 127.5

Plane = NDArray[np.float64]


def canny(image: Image.Image) -> Image.Image:
    """Detect edges as white lines, one pixel wide, on black (Canny 1986).

    Blurs the image, computes the Sobel gradient, keeps its ridges, and keeps weak ridges only if connected to strong
    ones. Returns RGB of the image's size.
    """
    right, down = _gradient(_brightness(image))
    slope = np.abs(right) + np.abs(down)
    ridges = slope * _is_ridge(slope, right, down)
    return _to_image(_connected(ridges >= STRONG, ridges >= WEAK))


def soft_edges(image: Image.Image) -> Image.Image:
    """Return the slightly blurred gradient magnitude, brighter where it is steeper, as RGB of the image's size."""
    right, down = _gradient(_brightness(image))
    slope = np.hypot(right, down)
    steepest = float(slope.max(initial=0.0)) or 1.0
    grey = Image.fromarray(np.asarray(np.sqrt(slope / steepest) * 255 + 0.5, dtype=np.uint8))
    return grey.filter(ImageFilter.GaussianBlur(1)).convert("RGB")


def scribble(image: Image.Image) -> Image.Image:
    """Return a drawing as white on black, whichever polarity it has, as RGB of the image's size."""
    grey = image.convert("L")
    return (ImageOps.invert(grey) if float(np.asarray(grey).mean()) > _LIGHT else grey).convert("RGB")


PREPROCESSORS: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "canny": canny,
    "softedge": soft_edges,
    "scribble": scribble,
}


def guide(image: Image.Image, kind: str) -> Image.Image:
    """Return the control image of a kind for an ordinary image; the image itself for a kind without a preprocessor."""
    return PREPROCESSORS[kind](image) if kind in PREPROCESSORS else image


def _brightness(image: Image.Image) -> Plane:
    """Return the grey values (0 to 255), blurred over three pixels."""
    grey = np.asarray(image.convert("L"), dtype=np.float64)
    return _convolved(_convolved(grey, _BLUR, 0), _BLUR, 1)


def _convolved(values: Plane, kernel: Plane, axis: int) -> Plane:
    """Convolve with a kernel along one axis, repeating the border pixels."""
    reach = len(kernel) // 2
    margin = [(reach, reach) if each == axis else (0, 0) for each in (0, 1)]
    padded = np.pad(values, margin, mode="edge")
    length = values.shape[axis]
    parts = (weight * np.take(padded, range(at, at + length), axis) for at, weight in enumerate(kernel))
    return np.asarray(sum(parts))


def _gradient(values: Plane) -> tuple[Plane, Plane]:
    """Return Sobel's gradient to the right and downwards."""
    return _convolved(_convolved(values, _SLOPE, 1), _SMOOTH, 0), _convolved(_convolved(values, _SLOPE, 0), _SMOOTH, 1)


def _is_ridge(slope: Plane, right: Plane, down: Plane) -> NDArray[np.bool_]:
    """Return where the gradient is a maximum across the edge (non-maximum suppression); of two equal pixels, one is."""
    eighths = np.round(np.arctan2(down, right) / (np.pi / 4)).astype(int) % 4
    padded = np.pad(slope, 1)
    rows, columns = slope.shape
    ridge = np.zeros(slope.shape, dtype=bool)
    for eighth, (below, beside) in enumerate(_ACROSS):
        after = padded[1 + below : 1 + below + rows, 1 + beside : 1 + beside + columns]
        before = padded[1 - below : 1 - below + rows, 1 - beside : 1 - beside + columns]
        ridge |= (eighths == eighth) & (slope > before) & (slope >= after)
    return ridge


def _connected(sure: NDArray[np.bool_], possible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the possible points that are connected to a sure one (hysteresis)."""
    unvisited = np.pad(possible & ~sure, 1)
    found = np.pad(sure, 1)
    rows, columns = np.nonzero(found)
    while rows.size:
        reached = [(rows + down, columns + right) for down, right in _AROUND]
        around = np.unique(np.concatenate([np.stack(pair) for pair in reached], axis=1), axis=1)
        rows, columns = around[:, unvisited[around[0], around[1]]]
        unvisited[rows, columns] = False
        found[rows, columns] = True
    return found[1:-1, 1:-1]


def _to_image(points: NDArray[np.bool_]) -> Image.Image:
    return Image.fromarray(np.where(points, 255, 0).astype(np.uint8)).convert("RGB")
