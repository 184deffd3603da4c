"""Compute the patches that extend an image beyond its sides, one window at a time. Numbers only, no images.

Each patch paints a strip of the new border, in a window of the model's native size that also shows the image beside
it and what earlier patches painted. So the work depends on the length of the border, not on the size of the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from invoke_cli.imaging.inpaint_window import geometry_of, window_geometry
from invoke_cli.imaging.sizes import Box, Geometry, Grid, Size
from invoke_cli.request import Borders

OVERLAP = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Patch:
    """One outpainting pass.

    Attributes:
        painted: The area to paint, in pixels of the whole image.
        geometry: The window in which the model works.
    """

    painted: Box
    geometry: Geometry


def grown(size: Size, borders: Borders) -> Size:
    """Return the size of an image with its new borders."""
    return Size(size.width + borders.left + borders.right, size.height + borders.top + borders.bottom)


def inner_box(whole: Size, borders: Borders) -> Box:
    """Return the position of the old image within the new one."""
    return Box(borders.left, borders.top, whole.width - borders.right, whole.height - borders.bottom)


def border_patches(whole: Size, borders: Borders, grid: Grid, hole: Box | None = None) -> tuple[Patch, ...]:
    """Return the patches of an outpainting.

    Args:
        whole: The size of the new image.
        borders: The new borders in pixels.
        grid: The sides that the model accepts.
        hole: An area of the old image to paint first, if any.

    Returns:
        The patches in order: the hole, right, left, bottom, top; the corners belong to bottom and top.
    """
    existing = inner_box(whole, borders)
    patches = [] if hole is None else [Patch(painted=hole, geometry=window_geometry(whole, hole, grid))]
    for side, pixels in (("right", borders.right), ("left", borders.left)):
        for painted, window in _strips(existing, pixels, grid.native):
            transform = _mirrored if side == "left" else _unchanged
            patches.append(_patch(whole, transform(painted, existing), transform(window, existing), grid))
        existing = _extended(existing, side, pixels)
    transposed = _transposed(existing)
    for side, pixels in (("bottom", borders.bottom), ("top", borders.top)):
        for strip in _strips(transposed, pixels, grid.native):
            transform = _mirrored if side == "top" else _unchanged
            painted, window = (_transposed(transform(box, transposed)) for box in strip)
            patches.append(_patch(whole, painted, window, grid))
        transposed = _extended(transposed, "left" if side == "top" else "right", pixels)
    return tuple(patches)


def _patch(whole: Size, painted: Box, window: Box, grid: Grid) -> Patch:
    return Patch(painted=painted, geometry=geometry_of(whole, window, grid))


def _strips(existing: Box, pixels: int, native: int) -> Iterator[tuple[Box, Box]]:
    """Yield the strips to paint right of `known`, each with its window.

    Bands are at most half the native side wide, so that every window shows at least as much existing image. The last
    few pixels of a neighbouring strip are painted again.
    """
    bands = -(-pixels // max(1, native // 2))
    for band in range(bands):
        start = existing.right + pixels * band // bands
        end = existing.right + pixels * (band + 1) // bands
        inner = max(existing.left, end - native)
        covered = existing.top
        for first, last in _spans(existing.top, existing.bottom, native):
            overlap = OVERLAP if band else 0, OVERLAP if covered > existing.top else 0
            yield Box(start - overlap[0], covered - overlap[1], end, last), Box(inner, first, end, last)
            covered = last


def _spans(start: int, end: int, native: int) -> Iterator[tuple[int, int]]:
    """Yield spans of the native length covering start..end, overlapping by at least a quarter; one if it is shorter."""
    length, overlap = end - start, native // 4
    count = 1 if length <= native else -(-(length - overlap) // (native - overlap))
    for number in range(count):
        first = start + (round(number * (length - native) / (count - 1)) if count > 1 else 0)
        yield first, min(end, first + native)


def _unchanged(box: Box, _: Box) -> Box:
    return box


def _mirrored(box: Box, about: Box) -> Box:
    """Mirror a box horizontally about the middle of `about`."""
    total = about.left + about.right
    return Box(total - box.right, box.top, total - box.left, box.bottom)


def _transposed(box: Box) -> Box:
    """Swap rows and columns."""
    return Box(box.top, box.left, box.bottom, box.right)


def _extended(box: Box, side: str, pixels: int) -> Box:
    if side == "left":
        return box._replace(left=box.left - pixels)
    return box._replace(right=box.right + pixels)
