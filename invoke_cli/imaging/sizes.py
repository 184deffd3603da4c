"""The geometry of sizes: how a source becomes the picture that the model works on. Numbers only, no images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

ASPECT_TOLERANCE = 0.05


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class Box(NamedTuple):
    """A rectangle in pixels; right and bottom are outside it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> Size:
        """Its width and height."""
        return Size(self.right - self.left, self.bottom - self.top)


class FitMode(Enum):
    """How a source is brought to the size of the canvas."""

    AUTO = "auto"
    FIT = "fit"
    PAD = "pad"
    CROP = "crop"
    STRETCH = "stretch"


class Grid(NamedTuple):
    """What sides a model accepts: multiples of `multiple` from `smallest` on; `native` is what it was made for."""

    multiple: int
    smallest: int
    native: int

    def floor(self, side: float) -> int:
        """The largest allowed side that is not above `side` (but at least `smallest`)."""
        return max(self.smallest, int(side + 1e-6) // self.multiple * self.multiple)


@dataclass(frozen=True, kw_only=True, slots=True)
class Geometry:
    """How to fit a source: scale it to `scaled`, put that at `offset` on a `canvas`, cut `output` out of the result.

    A negative offset means that the scaled source stands over and is cropped. `output` is None for the whole canvas.
    With a `window` only that part of the source is worked on; the result has the source's size again.
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
        """The size of the finished picture."""
        if self.window is not None:
            return self.source
        if self.output is None:
            return self.canvas
        return self.output.size

    @property
    def untouched(self) -> bool:
        """Whether the source lies on the canvas as it is, and the canvas is the result."""
        return self.source == self.scaled == self.canvas == self.result and self.window is None

    @property
    def scale(self) -> float:
        """By how much the source is enlarged (above 1) or reduced, along the axis where it is most."""
        worked_on = self.window.size if self.window else self.source
        return max(self.scaled.width / worked_on.width, self.scaled.height / worked_on.height)


def free_size(width: int, height: int, grid: Grid) -> Size:
    """The size of a picture without a source: what is asked for (0: the native side), on the grid."""
    return Size(grid.floor(width or grid.native), grid.floor(height or grid.native))


def as_it_is(source: Size) -> Geometry:
    """The geometry that changes nothing."""
    return Geometry(source=source, mode=FitMode.AUTO, scaled=source, offset=(0, 0), canvas=source)


def fit(source: Size, width: int, height: int, mode: FitMode, grid: Grid) -> Geometry:
    """The geometry for a source; `width` and `height` of 0 are free. The aspect is kept in every mode but STRETCH."""
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
    """Both sides given: these. One: the other by the aspect. None: the native area in the source's aspect."""
    aspect = source.width / source.height
    if width and height:
        return Size(grid.floor(width), grid.floor(height))
    if width:
        return Size(grid.floor(width), grid.floor(width / aspect))
    if height:
        return Size(grid.floor(height * aspect), grid.floor(height))
    longest = grid.native**2 / grid.smallest  # of an extreme aspect the ends are cropped, so that the area stays native
    width_free, height_free = grid.native * math.sqrt(aspect), grid.native / math.sqrt(aspect)
    return Size(grid.floor(min(width_free, longest)), grid.floor(min(height_free, longest)))


def _inside(source: Size, width: int, height: int, grid: Grid) -> Size:
    """The largest size of the source's aspect in width x height; a side of 0 is free, both are the native ones."""
    sides = (width, height) if width or height else (grid.native, grid.native)
    scale = min(side / of for side, of in zip(sides, source, strict=True) if side)
    return Size(grid.floor(source.width * scale), grid.floor(source.height * scale))


def _cover(source: Size, canvas: Size, mode: FitMode) -> Geometry:
    """Scale until the canvas is covered and crop the few pixels over, evenly on both sides."""
    scale = max(canvas.width / source.width, canvas.height / source.height)
    scaled = Size(
        max(canvas.width, round(source.width * scale)),
        max(canvas.height, round(source.height * scale)),
    )
    offset = ((canvas.width - scaled.width) // 2, (canvas.height - scaled.height) // 2)
    return Geometry(source=source, mode=mode, scaled=scaled, offset=offset, canvas=canvas)


def _pad(source: Size, canvas: Size) -> Geometry:
    """Scale into the canvas, centre it there, and cut that part out of the result."""
    scale = min(canvas.width / source.width, canvas.height / source.height)
    scaled = Size(max(1, round(source.width * scale)), max(1, round(source.height * scale)))
    left, top = (canvas.width - scaled.width) // 2, (canvas.height - scaled.height) // 2
    output = Box(left, top, left + scaled.width, top + scaled.height)
    return Geometry(
        source=source, mode=FitMode.PAD, scaled=scaled, offset=(left, top), canvas=canvas,
        output=None if scaled == canvas else output,
    )  # fmt: skip


def aspects_differ(source: Size, canvas: Size) -> bool:
    """Whether the two aspects are more than 5 % apart."""
    ratio = (source.width / source.height) / (canvas.width / canvas.height)
    return max(ratio, 1 / ratio) > 1 + ASPECT_TOLERANCE
