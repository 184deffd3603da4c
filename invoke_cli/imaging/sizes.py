"""The geometry of sizes: how a source is fitted to the canvas that the model works on. Numbers only, no images."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
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
    def is_extended(self) -> bool:
        """Whether the scaled source is smaller than the canvas, which repeats its edges."""
        return self.window is not None or (self.output is not None and self.mode is not FitMode.PAD)

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
    """Return the geometry for a source; a side of 0 is free. All modes except STRETCH keep the aspect.

    Only CROP cuts off more of the source than the remainder of a multiple.
    """
    match mode:
        case FitMode.PAD:
            return _pad(source, free_size(width, height, grid))
        case FitMode.STRETCH:
            canvas = free_size(width, height, grid)
            return Geometry(source=source, mode=mode, scaled=canvas, offset=(0, 0), canvas=canvas)
        case FitMode.CROP:
            return _cover(source, free_size(width, height, grid), mode)
        case FitMode.FIT:
            return _whole(source, _inside(source, width, height, grid), mode, grid)
        case FitMode.AUTO:
            return _auto(source, width, height, grid)


def fit_cropping(source: Size, width: int, height: int, grid: Grid) -> Geometry:
    """Return the geometry of mode FIT before schema version 3, which cropped images of extreme aspects."""
    sides = _inside(source, width, height, grid)
    return _cover(source, Size(grid.floor(sides[0]), grid.floor(sides[1])), FitMode.FIT)


def _auto(source: Size, width: int, height: int, grid: Grid) -> Geometry:
    """Return the geometry of mode AUTO.

    Both sides given: these, or as mode FIT where that would crop the source. One: the other follows the aspect. None:
    the native area in the source's aspect; for extreme aspects, the largest canvas of that area.
    """
    if not (width or height):
        natural = math.sqrt(grid.native**2 / (source.width * source.height))
        scale = min(natural, grid.native**2 / grid.smallest / max(source))
        return _whole(source, (source.width * scale, source.height * scale), FitMode.AUTO, grid)
    mode = FitMode.AUTO
    if width and height:
        exact, is_small = _cover(source, free_size(width, height, grid), mode), min(width, height) < grid.smallest
        if not (is_small or _is_cropped(exact, grid)):
            return exact
        if not is_small or aspects_differ(source, Size(width, height)):
            mode = FitMode.FIT
    return _whole(source, _inside(source, width, height, grid), mode, grid)


def _is_cropped(geometry: Geometry, grid: Grid) -> bool:
    """Return whether more of the source is cut off than the remainder of a multiple."""
    return any(scaled - side >= grid.multiple for scaled, side in zip(geometry.scaled, geometry.canvas, strict=True))


def _inside(source: Size, width: int, height: int, grid: Grid) -> tuple[float, float]:
    """Return the largest sides of the source's aspect within width x height; 0 is free, both 0 mean the native side."""
    sides = (width, height) if width or height else (grid.native, grid.native)
    scale = min(side / of for side, of in zip(sides, source, strict=True) if side)
    return source.width * scale, source.height * scale


def _whole(source: Size, sides: tuple[float, float], mode: FitMode, grid: Grid) -> Geometry:
    """Scale the source to these sides, on the grid, and crop the remainder of the multiple.

    A source that becomes smaller than the smallest side is padded to it, and the margin is cut off the result.
    """
    canvas = Size(grid.floor(sides[0]), grid.floor(sides[1]))
    large = [side + 1e-6 >= grid.smallest for side in sides]
    if all(large):
        geometry = _cover(source, canvas, mode)
        # A side that was rounded up to a further multiple is rounded down, so that only the remainder is cropped.
        limits = (side + grid.multiple - 1 for side in canvas)
        scaled = Size(*map(min, geometry.scaled, limits))
        offset = ((canvas.width - scaled.width) // 2, (canvas.height - scaled.height) // 2)
        return replace(geometry, scaled=scaled, offset=offset)
    scales = [side / of for side, of, is_large in zip(canvas, source, large, strict=True) if is_large]
    scale = scales[0] if scales else sides[0] / source.width
    return _centred(source, scale, mode, canvas)


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
    return _centred(source, scale, FitMode.PAD, canvas)


def _centred(source: Size, scale: float, mode: FitMode, canvas: Size) -> Geometry:
    """Scale the source, centre it on the canvas, and cut it out of the result again."""
    scaled = Size(max(1, round(source.width * scale)), max(1, round(source.height * scale)))
    left, top = (canvas.width - scaled.width) // 2, (canvas.height - scaled.height) // 2
    output = Box(left, top, left + scaled.width, top + scaled.height)
    return Geometry(
        source=source, mode=mode, scaled=scaled, offset=(left, top), canvas=canvas,
        output=None if scaled == canvas else output,
    )  # fmt: skip


def aspects_differ(source: Size, canvas: Size) -> bool:
    """Return whether two aspects are more than 5 % apart."""
    ratio = (source.width / source.height) / (canvas.width / canvas.height)
    return max(ratio, 1 / ratio) > 1 + ASPECT_TOLERANCE
