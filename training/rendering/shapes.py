"""The six plain shapes, as corners in radii around their centre."""

from __future__ import annotations

import math

from training.rendering.canvas import Canvas, Point
from training.rendering.scene import Item


def corners(kind: str) -> list[Point]:
    """Return the outline of a shape, in radii, y downward. Every shape fills about the unit circle."""
    if kind == "circle":
        return [_on_circle(i / 64) for i in range(64)]
    if kind == "square":
        return [(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)]
    if kind == "triangle":
        return [(0.0, -1.0), (1.05, 0.85), (-1.05, 0.85)]
    if kind == "diamond":
        return [(0.0, -1.12), (0.82, 0.0), (0.0, 1.12), (-0.82, 0.0)]
    if kind == "star":
        return [_star_corner(i) for i in range(10)]
    return [_heart(i / 64) for i in range(64)]


def draw_shape(canvas: Canvas, item: Item) -> None:
    """Fill a shape in its colour."""
    turned = [rotated(corner, item.tilt) for corner in corners(item.kind)]
    canvas.polygon(canvas.about((item.x, item.y), item.radius, turned), item.rgb)


def rotated(point: Point, degrees: float) -> Point:
    """Rotate the point about the origin, clockwise on an image."""
    angle = math.radians(degrees)
    return (
        point[0] * math.cos(angle) - point[1] * math.sin(angle),
        point[0] * math.sin(angle) + point[1] * math.cos(angle),
    )


def _on_circle(turn: float) -> Point:
    return math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn)


def _star_corner(index: int) -> Point:
    reach = 1.15 if index % 2 == 0 else 0.48
    angle = math.pi * index / 5 - math.pi / 2
    return reach * math.cos(angle), reach * math.sin(angle) + 0.06


def _heart(turn: float) -> Point:
    """Return a point of the heart curve x = 16 sin^3 t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t, scaled to the
    radius.
    """
    t = 2 * math.pi * turn
    x = 16 * math.sin(t) ** 3
    y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
    return x / 16.0, -(y + 2.5) / 15.0
