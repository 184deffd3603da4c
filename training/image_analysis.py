"""Looking at a picture without a network: background, things in front of it, their colours, outlines and places.

Every check is calibrated on true renders and on what the autoencoder makes of them: those are the model's ceilings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from training.canvas import Array
from training.scene import PALETTE, SHAPES
from training.shapes import corners, rotated

Mask = NDArray[np.bool_]
TEMPLATE_SIDE = 48
DIFFERENT, LEAST_AREA = 42.0, 0.006


@dataclass(frozen=True, kw_only=True)
class ImageAnalysis:
    """One thing found: `colour` of the palette, `shape` that fits best, centre and area as fractions of the picture.

    `shares` are the parts of it, 0..1, that are nearest to each colour of the palette: a red boat has a white sail.
    """

    colour: str
    shares: Mapping[str, float]
    shape: str
    x: float
    y: float
    area: float


def background_colour(pixels: Array) -> str:
    """The palette colour nearest to the median of the picture's border; `pixels` (H, W, 3) in 0..255."""
    rim = max(2, len(pixels) // 32)
    parts = (pixels[:rim], pixels[-rim:], pixels[:, :rim], pixels[:, -rim:])
    return nearest_colour(np.median(np.concatenate([part.reshape(-1, 3) for part in parts]), axis=0))


def things_in(pixels: Array, most: int) -> list[ImageAnalysis]:
    """The largest things in front of the background, at most `most`, largest first; two that touch are two."""
    mask = ndimage.binary_opening(_foreground(pixels), iterations=2)
    found = _largest(mask, most, LEAST_AREA * mask.size)
    if most == 2 and len(found) == 1:
        found = _parted(found[0])
    return [_described(pixels, ndimage.binary_fill_holes(thing)) for thing in found]


def nearest_colour(rgb: NDArray[np.floating]) -> str:
    """The palette's colour nearest by the "redmean" distance (https://www.compuphase.com/cmetric.htm)."""
    return tuple(PALETTE)[int(_nearest(np.asarray(rgb, dtype=np.float64)[None])[0])]


def nearest_shape(mask: Mask) -> str:
    """The shape whose outline overlaps most with the mask, both stretched alike into a square."""
    fitted = _fitted(mask)
    best, best_share = "circle", -1.0
    for kind, template in _templates():
        share = float((fitted & template).sum() / (fitted | template).sum())
        if share > best_share:
            best, best_share = kind, share
    return best


def _foreground(pixels: Array) -> Mask:
    """Where the picture differs from its background, which may be lighter at the top than at the bottom."""
    rim = max(2, pixels.shape[1] // 32)
    sides = np.concatenate([pixels[:, :rim], pixels[:, -rim:]], axis=1)
    rows = ndimage.median_filter(np.median(sides, axis=1), size=(31, 1), mode="nearest")
    ends = np.median(np.concatenate([pixels[:rim], pixels[-rim:]]).reshape(-1, 3), axis=0)
    away = np.abs(rows - ends).sum(axis=1, keepdims=True) > 150
    rows = np.where(away, ends, rows)
    far: Mask = np.sqrt(((pixels - rows[:, None, :]) ** 2).sum(axis=-1)) > DIFFERENT
    return far


def _largest(mask: Mask, most: int, least: float) -> list[Mask]:
    """The connected parts of at least `least` pixels, largest first."""
    numbered, count = ndimage.label(mask)
    areas = np.bincount(numbered.ravel())[1:] if count else np.zeros(0)
    return [numbered == int(i) + 1 for i in np.argsort(-areas)[:most] if areas[i] >= least]


def _parted(mask: Mask) -> list[Mask]:
    """The mask cut where it is narrowest: worn down until two parts remain, and each pixel goes to the nearer one."""
    depth = ndimage.distance_transform_edt(mask)
    for reach in np.arange(1.5, depth.max()):
        cores = _largest(depth > reach, 2, LEAST_AREA * mask.size / 4)
        if len(cores) == 2:
            first, second = (ndimage.distance_transform_edt(~core) for core in cores)
            return [mask & (first <= second), mask & (first > second)]
    return [mask]


def _nearest(colours: NDArray[np.floating]) -> NDArray[np.intp]:
    """For each of (N, 3) colours the number of the nearest in the palette."""
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


def _fitted(mask: Mask) -> Mask:
    """The mask's bounding box, made square around its middle, scaled to the template's side."""
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
    drawn = []
    for kind in SHAPES:
        for tilt in (-8, -4, 0, 4, 8) if kind != "circle" else (0,):
            sheet = Image.new("L", (400, 400))
            outline = [rotated(corner, tilt) for corner in corners(kind)]
            ImageDraw.Draw(sheet).polygon([(200 + 130 * x, 200 + 130 * y) for x, y in outline], fill=255)
            drawn.append((kind, _fitted(np.asarray(sheet) > 127)))
    return tuple(drawn)
