"""The geometry of sizes: how a source is fitted to the canvas that the model works on. Numbers only, no images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

ASPECT_TOLERANCE = 0.05


class Size(NamedTuple):
    """A width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class Box(NamedTuple):
    """A rectangle in pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> Size:
        """The width and height."""
        return Size(self.right - self.left, self.bottom - self.top)


class FitMode(Enum):
    """How a source is fitted to the canvas."""

    AUTO = "auto"
    FIT = "fit"
    PAD = "pad"
    CROP = "crop"
    STRETCH = "stretch"


class Grid(NamedTuple):
    """The sides that a model accepts: multiples of `multiple`, at least `smallest`; `native` is its training side."""

    multiple: int
    smallest: int
    native: int

    def floor(self, side: float) -> int:
        """Return the largest accepted side up to `side`, at least `smallest`."""
        return max(self.smallest, int(side + 1e-6) // self.multiple * self.multiple)


@dataclass(frozen=True, kw_only=True, slots=True)
class Geometry:
    """How to fit a source to a canvas.

    Attributes:
        source: The source's size.
        mode: The fit mode.
        scaled: The size that the source is scaled to.
        offset: The position of the scaled source on the canvas; negative if it overflows and is cropped.
        canvas: The size that the model works at.
        output: The part of the canvas that is the result; None for all of it.
        window: The part of the source that is worked on; the result then has the source's size again.
    """

    source: Size
    mode: FitMode
    scaled: Size
    offset: tuple[int, int]
    canvas: Size
    output: Box | None = None
    window: Box | None = None

    @property
    def result(self) -> Size:
        """The size of the finished image."""
        if self.window is not None:
            return self.source
        if self.output is None:
            return self.canvas
        return self.output.size

    @property
    def untouched(self) -> bool:
        """Whether the source is on the canvas unscaled, and the whole canvas is the result."""
        return self.source == self.scaled == self.canvas == self.result and self.window is None

    @property
    def scale(self) -> float:
        """The factor by which the source is enlarged (above 1) or reduced, along the axis where it is larger."""
        region = self.window.size if self.window else self.source
        return max(self.scaled.width / region.width, self.scaled.height / region.height)


def free_size(width: int, height: int, grid: Grid) -> Size:
    """Return the size of an image without a source: the requested sides (0 = the native side), on the grid."""
    return Size(grid.floor(width or grid.native), grid.floor(height or grid.native))


def unchanged_geometry(source: Size) -> Geometry:
    """Return the geometry that changes nothing."""
    return Geometry(source=source, mode=FitMode.AUTO, scaled=source, offset=(0, 0), canvas=source)


def fit(source: Size, width: int, height: int, mode: FitMode, grid: Grid) -> Geometry:
    """Return the geometry for a source; a side of 0 is free. All modes except STRETCH keep the aspect."""
    if mode is FitMode.PAD:
        return _pad(source, free_size(width, height, grid))
    if mode is FitMode.STRETCH:
        canvas = free_size(width, height, grid)
        return Geometry(source=source, mode=mode, scaled=canvas, offset=(0, 0), canvas=canvas)
    if mode is FitMode.CROP:
        canvas = free_size(width, height, grid)
    elif mode is FitMode.FIT:
        canvas = _inside(source, width, height, grid)
    else:
        canvas = _auto(source, width, height, grid)
    return _cover(source, canvas, mode)


def _auto(source: Size, width: int, height: int, grid: Grid) -> Size:
    """Return the canvas of mode AUTO.

    Both sides given: these. One: the other follows the aspect. None: the native area in the source's aspect.
    """
    aspect = source.width / source.height
    if width and height:
        return Size(grid.floor(width), grid.floor(height))
    if width:
        return Size(grid.floor(width), grid.floor(width / aspect))
    if height:
        return Size(grid.floor(height * aspect), grid.floor(height))
    longest = grid.native**2 / grid.smallest  # extreme aspects are cropped to keep the native area
    width_free, height_free = grid.native * math.sqrt(aspect), grid.native / math.sqrt(aspect)
    return Size(grid.floor(min(width_free, longest)), grid.floor(min(height_free, longest)))


def _inside(source: Size, width: int, height: int, grid: Grid) -> Size:
    """Return the largest size of the source's aspect within width x height; 0 is free, both 0 mean the native side."""
    sides = (width, height) if width or height else (grid.native, grid.native)
    scale = min(side / of for side, of in zip(sides, source, strict=True) if side)
    return Size(grid.floor(source.width * scale), grid.floor(source.height * scale))


def _cover(source: Size, canvas: Size, mode: FitMode) -> Geometry:
    """Scale the source until it covers the canvas, and crop the overflow evenly on both sides."""
    scale = max(canvas.width / source.width, canvas.height / source.height)
    scaled = Size(
        max(canvas.width, round(source.width * scale)),
        max(canvas.height, round(source.height * scale)),
    )
    offset = ((canvas.width - scaled.width) // 2, (canvas.height - scaled.height) // 2)
    return Geometry(source=source, mode=mode, scaled=scaled, offset=offset, canvas=canvas)


def _pad(source: Size, canvas: Size) -> Geometry:
    """Scale the source to fit into the canvas, centre it, and cut it out of the result again."""
    scale = min(canvas.width / source.width, canvas.height / source.height)
    scaled = Size(max(1, round(source.width * scale)), max(1, round(source.height * scale)))
    left, top = (canvas.width - scaled.width) // 2, (canvas.height - scaled.height) // 2
    output = Box(left, top, left + scaled.width, top + scaled.height)
    return Geometry(
        source=source, mode=FitMode.PAD, scaled=scaled, offset=(left, top), canvas=canvas,
        output=None if scaled == canvas else output,
    )  # fmt: skip


def aspects_differ(source: Size, canvas: Size) -> bool:
    """Return whether two aspects are more than 5 % apart."""
    ratio = (source.width / source.height) / (canvas.width / canvas.height)
    return max(ratio, 1 / ratio) > 1 + ASPECT_TOLERANCE
