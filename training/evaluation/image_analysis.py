"""Analyse an image without a network: background, things in front of it, their colours, outlines and positions.

Every check is calibrated on true renders and on their autoencoded versions, which are the upper bounds for the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from training.rendering.canvas import Array
from training.rendering.scene import PALETTE, SHAPES
from training.rendering.shapes import corners, rotated

Mask = NDArray[np.bool_]
TEMPLATE_SIDE = 48
DIFFERENT, LEAST_AREA = 42.0, 0.006


@dataclass(frozen=True, kw_only=True)
class ImageAnalysis:
    """A thing that was found: nearest palette `colour`, best fitting `shape`, centre and area as fractions of the
    image.

    `shares` are its parts, 0..1, that are nearest to each colour of the palette: a red boat has a white sail.
    """

    colour: str
    shares: Mapping[str, float]
    shape: str
    x: float
    y: float
    area: float


def background_colour(pixels: Array) -> str:
    """Return the palette colour nearest to the median of the border of `pixels` (H, W, 3) in 0..255."""
    rim = max(2, len(pixels) // 32)
    parts = (pixels[:rim], pixels[-rim:], pixels[:, :rim], pixels[:, -rim:])
    return nearest_colour(np.median(np.concatenate([part.reshape(-1, 3) for part in parts]), axis=0))


def things_in(pixels: Array, most: int) -> list[ImageAnalysis]:
    """Return at most `most` things in front of the background, largest first. Two that touch are separated."""
    mask = ndimage.binary_opening(_foreground(pixels), iterations=2)
    found = _largest(mask, most, LEAST_AREA * mask.size)
    if most == 2 and len(found) == 1:
        found = _split(found[0])
    return [_described(pixels, ndimage.binary_fill_holes(thing)) for thing in found]


def nearest_colour(rgb: NDArray[np.floating]) -> str:
    """Return the nearest palette colour by the "redmean" distance (https://www.compuphase.com/cmetric.htm)."""
    return tuple(PALETTE)[int(_nearest(np.asarray(rgb, dtype=np.float64)[None])[0])]


def nearest_shape(mask: Mask) -> str:
    """Return the shape whose outline overlaps most with the mask, both scaled to a square."""
    fitted = _fit_to_template(mask)
    best, best_share = "circle", -1.0
    for kind, template in _templates():
        share = float((fitted & template).sum() / (fitted | template).sum())
        if share > best_share:
            best, best_share = kind, share
    return best


def _foreground(pixels: Array) -> Mask:
    """Return where the image differs from its background, which may be a vertical gradient."""
    rim = max(2, pixels.shape[1] // 32)
    sides = np.concatenate([pixels[:, :rim], pixels[:, -rim:]], axis=1)
    rows = ndimage.median_filter(np.median(sides, axis=1), size=(31, 1), mode="nearest")
    ends = np.median(np.concatenate([pixels[:rim], pixels[-rim:]]).reshape(-1, 3), axis=0)
    away = np.abs(rows - ends).sum(axis=1, keepdims=True) > 150
    rows = np.where(away, ends, rows)
    far: Mask = np.sqrt(((pixels - rows[:, None, :]) ** 2).sum(axis=-1)) > DIFFERENT
    return far


def _largest(mask: Mask, most: int, least: float) -> list[Mask]:
    """Return the connected parts of at least `least` pixels, largest first."""
    numbered, count = ndimage.label(mask)
    areas = np.bincount(numbered.ravel())[1:] if count else np.zeros(0)
    return [numbered == int(i) + 1 for i in np.argsort(-areas)[:most] if areas[i] >= least]


def _split(mask: Mask) -> list[Mask]:
    """Split the mask where it is narrowest: erode it until two parts remain, then assign each pixel to the nearer."""
    depth = ndimage.distance_transform_edt(mask)
    for reach in np.arange(1.5, depth.max()):
        cores = _largest(depth > reach, 2, LEAST_AREA * mask.size / 4)
        if len(cores) == 2:
            first, second = (ndimage.distance_transform_edt(~core) for core in cores)
            return [mask & (first <= second), mask & (first > second)]
    return [mask]


def _nearest(colours: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the palette index nearest to each of (N, 3) colours."""
    known = np.array(list(PALETTE.values()), dtype=np.float64)
    red = (colours[:, None, 0] + known[None, :, 0]) / 2 / 256
    weights = np.stack([2 + red, np.full_like(red, 4.0), 3 - red], axis=-1)
    nearest: NDArray[np.intp] = (weights * (colours[:, None] - known[None]) ** 2).sum(axis=-1).argmin(axis=1)
    return nearest


def _described(pixels: Array, mask: Mask) -> ImageAnalysis:
    inner = ndimage.binary_erosion(mask, iterations=3)
    chosen = inner if inner.sum() > 30 else mask
    y, x = ndimage.center_of_mass(mask)
    height, width = mask.shape
    colour = nearest_colour(np.median(pixels[chosen], axis=0))
    counts = np.bincount(_nearest(pixels[mask].astype(np.float64)), minlength=len(PALETTE)) / mask.sum()
    shares = dict(zip(PALETTE, counts.tolist(), strict=True))
    area = float(mask.sum() / mask.size)
    return ImageAnalysis(colour=colour, shares=shares, shape=nearest_shape(mask), x=x / width, y=y / height, area=area)


def _fit_to_template(mask: Mask) -> Mask:
    """Crop the mask to its bounding box, extend it to a centred square, and scale it to the template's side."""
    rows, columns = np.where(mask.any(axis=1))[0], np.where(mask.any(axis=0))[0]
    cut = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    side = max(cut.shape)
    square = np.zeros((side, side), dtype=np.uint8)
    top, left = (side - cut.shape[0]) // 2, (side - cut.shape[1]) // 2
    square[top : top + cut.shape[0], left : left + cut.shape[1]] = cut
    scaled = Image.fromarray(square * 255).resize((TEMPLATE_SIDE, TEMPLATE_SIDE), Image.Resampling.BOX)
    fitted: Mask = np.asarray(scaled) > 127
    return fitted


@lru_cache(maxsize=1)
def _templates() -> tuple[tuple[str, Mask], ...]:
    rendered = []
    for kind in SHAPES:
        for tilt in (-8, -4, 0, 4, 8) if kind != "circle" else (0,):
            sheet = Image.new("L", (400, 400))
            outline = [rotated(corner, tilt) for corner in corners(kind)]
            ImageDraw.Draw(sheet).polygon([(200 + 130 * x, 200 + 130 * y) for x, y in outline], fill=255)
            rendered.append((kind, _fit_to_template(np.asarray(sheet) > 127)))
    return tuple(rendered)
