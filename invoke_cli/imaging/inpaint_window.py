"""Compute the window: the part of an image that the model works on in inpainting. Numbers only, no images."""

from __future__ import annotations

import math

from invoke_cli.imaging.sizes import Box, FitMode, Geometry, Grid, Size

MARGIN_SHARE = 0.25
LEAST_MARGIN = 32


def window_geometry(source: Size, painted: Box, grid: Grid) -> Geometry:
    """Return the geometry that inpaints `painted` and returns the whole source at its own size.

    The window is the smallest one around the painted area with a margin, but at least the model's native side if the
    source is large enough. A window above the native area is scaled down to it; a smaller source is enlarged to it. The
    canvas is rounded up, so that no painted pixel is cut off.
    """
    left, right = _span(painted.left, painted.right, source.width, grid.native)
    top, bottom = _span(painted.top, painted.bottom, source.height, grid.native)
    return geometry_of(source, Box(left, top, right, bottom), grid)


def geometry_of(source: Size, window: Box, grid: Grid) -> Geometry:
    """Return the geometry that works in `window` and returns the whole source."""
    width, height = window.size
    scale = math.sqrt(grid.native**2 / (width * height))
    if min(width, height) >= grid.native:
        scale = min(1.0, scale)
    scaled = Size(max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = Size(_rounded_up(scaled.width, grid), _rounded_up(scaled.height, grid))
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
    """Return the window along one axis: the painted span with its margin, widened to `least`, within 0..limit."""
    margin = max(LEAST_MARGIN, round((end - start) * MARGIN_SHARE))
    length = min(limit, max(least, end - start + 2 * margin))
    first = min(max(0, (start + end - length) // 2), limit - length)
    return first, first + length


def _rounded_up(side: int, grid: Grid) -> int:
    return max(grid.smallest, -(-side // grid.multiple) * grid.multiple)
