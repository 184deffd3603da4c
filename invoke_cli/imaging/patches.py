"""Patches: how a picture grows beyond its sides, a window at a time. Numbers only, no images.

Each patch paints a strip of what is new and sees, in a window of the model's native size, the picture beside it and
what earlier patches painted. So the work depends on the length of the border, not on the size of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from invoke_cli.imaging.inpaint_window import geometry_of, window_geometry
from invoke_cli.imaging.sizes import Box, Geometry, Grid, Size
from invoke_cli.request import Borders

JOINT = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Patch:
    """What one pass paints, `painted` in pixels of the whole picture, and the window in which it does so."""

    painted: Box
    geometry: Geometry


def grown(size: Size, borders: Borders) -> Size:
    """The size of a picture with its new borders."""
    return Size(size.width + borders.left + borders.right, size.height + borders.top + borders.bottom)


def inner_box(whole: Size, borders: Borders) -> Box:
    """Where the old picture lies in the new one."""
    return Box(borders.left, borders.top, whole.width - borders.right, whole.height - borders.bottom)


def border_patches(whole: Size, borders: Borders, grid: Grid, hole: Box | None = None) -> tuple[Patch, ...]:
    """The patches that paint a `hole` of the old picture, if any, then the sides; the corners go to top and bottom."""
    known = inner_box(whole, borders)
    patches = [] if hole is None else [Patch(painted=hole, geometry=window_geometry(whole, hole, grid))]
    for side, pixels in (("right", borders.right), ("left", borders.left)):
        for painted, window in _strips(known, pixels, grid.native):
            turned = _mirrored if side == "left" else _as_is
            patches.append(_patch(whole, turned(painted, known), turned(window, known), grid))
        known = _wider(known, side, pixels)
    upright = _turned(known)
    for side, pixels in (("bottom", borders.bottom), ("top", borders.top)):
        for strip in _strips(upright, pixels, grid.native):
            turned = _mirrored if side == "top" else _as_is
            painted, window = (_turned(turned(box, upright)) for box in strip)
            patches.append(_patch(whole, painted, window, grid))
        upright = _wider(upright, "left" if side == "top" else "right", pixels)
    return tuple(patches)


def _patch(whole: Size, painted: Box, window: Box, grid: Grid) -> Patch:
    return Patch(painted=painted, geometry=geometry_of(whole, window, grid))


def _strips(known: Box, pixels: int, native: int) -> Iterator[tuple[Box, Box]]:
    """What to paint right of `known`, and the window of each piece. Bands are at most half the native side wide, so
    that every window shows at least as much of what is there already. What the patch before painted at its very edge
    is painted anew.
    """
    bands = -(-pixels // max(1, native // 2))
    for band in range(bands):
        start = known.right + pixels * band // bands
        end = known.right + pixels * (band + 1) // bands
        inner = max(known.left, end - native)
        done = known.top
        for first, last in _spans(known.top, known.bottom, native):
            joint = JOINT if band else 0, JOINT if done > known.top else 0
            yield Box(start - joint[0], done - joint[1], end, last), Box(inner, first, end, last)
            done = last


def _spans(start: int, end: int, native: int) -> Iterator[tuple[int, int]]:
    """Spans of the native length that cover start..end and overlap by a quarter at least; one when it is shorter."""
    length, overlap = end - start, native // 4
    count = 1 if length <= native else -(-(length - overlap) // (native - overlap))
    for number in range(count):
        first = start + (round(number * (length - native) / (count - 1)) if count > 1 else 0)
        yield first, min(end, first + native)


def _as_is(box: Box, _: Box) -> Box:
    return box


def _mirrored(box: Box, about: Box) -> Box:
    """The box on the other side of `about`'s middle, left for right."""
    total = about.left + about.right
    return Box(total - box.right, box.top, total - box.left, box.bottom)


def _turned(box: Box) -> Box:
    """Rows for columns."""
    return Box(box.top, box.left, box.bottom, box.right)


def _wider(box: Box, side: str, pixels: int) -> Box:
    if side == "left":
        return box._replace(left=box.left - pixels)
    return box._replace(right=box.right + pixels)
