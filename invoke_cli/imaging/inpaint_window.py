"""The window: the part of a picture that is worked on when only some of it is painted. Numbers only, no images."""

from __future__ import annotations

import math

from invoke_cli.imaging.sizes import Box, FitMode, Geometry, Grid, Size

MARGIN_SHARE = 0.25
LEAST_MARGIN = 32


def window_geometry(source: Size, painted: Box, grid: Grid) -> Geometry:
    """The geometry that paints inside `painted` and gives the whole source back, at its own size.

    The window is the smallest round the painted part with a margin, at least as large as the model's native side as
    far as the source goes. What is larger than the native area is worked on at that area; a source smaller than it
    is enlarged to it. The canvas is rounded up, so that nothing painted is cut off.
    """
    left, right = _span(painted.left, painted.right, source.width, grid.native)
    top, bottom = _span(painted.top, painted.bottom, source.height, grid.native)
    return geometry_of(source, Box(left, top, right, bottom), grid)


def geometry_of(source: Size, window: Box, grid: Grid) -> Geometry:
    """The geometry that works in `window` and gives the whole source back."""
    width, height = window.size
    scale = math.sqrt(grid.native**2 / (width * height))
    if min(width, height) >= grid.native:
        scale = min(1.0, scale)
    scaled = Size(max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = Size(_up(scaled.width, grid), _up(scaled.height, grid))
    return Geometry(
        source=source,
        mode=FitMode.AUTO,
        scaled=scaled,
        offset=(0, 0),
        canvas=canvas,
        output=Box(0, 0, *scaled),
        window=window,
    )


def _span(start: int, end: int, limit: int, least: int) -> tuple[int, int]:
    """The window along one axis: the painted span with its margin, widened to `least`, inside 0..limit."""
    margin = max(LEAST_MARGIN, round((end - start) * MARGIN_SHARE))
    length = min(limit, max(least, end - start + 2 * margin))
    first = min(max(0, (start + end - length) // 2), limit - length)
    return first, first + length


def _up(side: int, grid: Grid) -> int:
    return max(grid.smallest, -(-side // grid.multiple) * grid.multiple)
