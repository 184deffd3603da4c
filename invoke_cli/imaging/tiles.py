"""Process a large image in tiles: lay them out, cut them out, and blend them back without seams."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from invoke_cli.imaging.sizes import Box, Grid, Size


class PlacedTile(NamedTuple):
    """A tile: its box on the canvas, and its overlap in pixels with the neighbour on each side."""

    box: Box
    left: int
    top: int
    right: int
    bottom: int


def tiling_canvas(size: Size, grid: Grid) -> Size:
    """Return the canvas for tiling an image: its sides rounded up to what the model accepts."""
    return Size(_rounded_up(size.width, grid), _rounded_up(size.height, grid))


def layout_tiles(canvas: Size, side: int, overlap: int, multiple: int) -> tuple[PlacedTile, ...]:
    """Lay out tiles of `side` x `side` pixels evenly over the canvas, row by row.

    A tile is smaller if the canvas is. Neighbours overlap by about `overlap` pixels, at least `multiple`; corners are
    multiples of `multiple`, except in the last row and column.
    """
    overlap = max(overlap, multiple)
    columns = _starts(canvas.width, side, overlap, multiple)
    rows = _starts(canvas.height, side, overlap, multiple)
    width, height = min(side, canvas.width), min(side, canvas.height)
    return tuple(
        PlacedTile(
            Box(left, top, left + width, top + height),
            *(columns[i - 1] + width - left if i else 0, rows[j - 1] + height - top if j else 0),
            *(left + width - columns[i + 1] if i + 1 < len(columns) else 0,
              top + height - rows[j + 1] if j + 1 < len(rows) else 0),
        )
        for j, top in enumerate(rows)
        for i, left in enumerate(columns)
    )  # fmt: skip


def crop_tile(image: Image.Image, box: Box) -> Image.Image:
    """Crop `box` from an image; beyond the right and bottom border the last column and row are repeated."""
    inside = image.crop((box.left, box.top, min(box.right, image.width), min(box.bottom, image.height)))
    right, below = box.size.width - inside.width, box.size.height - inside.height
    if not (right or below):
        return inside
    return Image.fromarray(np.pad(np.asarray(inside), ((0, below), (0, right), (0, 0)), mode="edge"))


def blend_tile(image: Image.Image, made: Image.Image, tile: PlacedTile, *, alone: bool) -> None:
    """Paste a finished tile into the image, fading in over the overlap with the tiles before it.

    With `alone` the tile's other neighbours are not regenerated, so that it fades on every side that has one.
    """
    width, height = tile.box.size
    across = _ramp(width, tile.left, tile.right if alone else 0)
    down = _ramp(height, tile.top, tile.bottom if alone else 0)
    mask = Image.fromarray(np.round(255 * np.outer(down, across)).astype(np.uint8))
    image.paste(made, (tile.box.left, tile.box.top), mask)


def _ramp(length: int, first: int, last: int) -> NDArray[np.float64]:
    """Return weights 0..1 along one side: rising over the first pixels, falling over the last."""
    weights = np.ones(length)
    weights[:first] *= (np.arange(first) + 0.5) / max(first, 1)
    weights[length - last :] *= ((np.arange(last) + 0.5) / max(last, 1))[::-1]
    return weights


def _starts(length: int, side: int, overlap: int, multiple: int) -> list[int]:
    if length <= side:
        return [0]
    count = math.ceil((length - overlap) / (side - overlap))
    step = (length - side) / (count - 1)
    return [int(index * step) // multiple * multiple for index in range(count - 1)] + [length - side]


def _rounded_up(side: int, grid: Grid) -> int:
    return max(grid.smallest, -(-side // grid.multiple) * grid.multiple)
