"""Drawings of things such as a house, a tree or a cat, each in the colour of its item."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from training.rendering.canvas import Canvas, Point, mixed
from training.rendering.fires import flames, logs
from training.rendering.scene import RGB, Item

DARK: RGB = (40, 34, 34)
LIGHT: RGB = (244, 240, 230)
WOOD: RGB = (116, 74, 44)
LEAF: RGB = (58, 140, 62)


class Pencil:
    """Draws parts of an item, in radii around its centre."""

    def __init__(self, canvas: Canvas, item: Item) -> None:
        self.canvas, self.item = canvas, item
        self.rgb = item.rgb
        self.shade = mixed(item.rgb, (0, 0, 0), 0.28)
        self.tint = mixed(item.rgb, (255, 255, 255), 0.35)

    def fill(self, corners: list[Point], colour: RGB) -> None:
        """Fill a polygon."""
        self.canvas.polygon(self.canvas.about((self.item.x, self.item.y), self.item.radius, corners), colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: RGB) -> None:
        """Fill an upright rectangle."""
        self.fill([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def oval(self, x: float, y: float, across: float, colour: RGB, squash: float = 1.0) -> None:
        """Fill an ellipse of half-width `across`."""
        self.fill([(x + across * math.cos(a), y + across * squash * math.sin(a)) for a in _turns(40)], colour)

    def line(self, points: list[Point], width: float, colour: RGB) -> None:
        """Draw a stroke `width` radii thick."""
        pixels = self.canvas.about((self.item.x, self.item.y), self.item.radius, points)
        self.canvas.stroke(pixels, width * self.item.radius * self.canvas.unit, colour)


def draw_thing(canvas: Canvas, item: Item, rng: np.random.Generator) -> None:
    """Draw the item's thing. A fire keeps its own colours."""
    if item.kind == "fire":
        foot = (item.x, item.y + 0.85 * item.radius * canvas.unit / canvas.height)
        flames(canvas, rng, foot, item.radius * 1.85)
        logs(canvas, rng, foot, item.radius * 1.5)
        return
    _DRAWINGS[item.kind](Pencil(canvas, item))


def _turns(count: int) -> list[float]:
    return [2 * math.pi * i / count for i in range(count)]


def _house(pen: Pencil) -> None:
    pen.box(0.42, -0.95, 0.66, -0.2, pen.shade)
    pen.box(-0.8, -0.15, 0.8, 0.95, pen.rgb)
    pen.fill([(-1.05, -0.1), (0.0, -1.05), (1.05, -0.1)], mixed(pen.rgb, (70, 30, 24), 0.6))
    pen.box(-0.17, 0.35, 0.2, 0.95, WOOD)
    for x in (-0.58, 0.36):
        pen.box(x, 0.1, x + 0.26, 0.4, LIGHT)


def _tree(pen: Pencil) -> None:
    pen.box(-0.14, 0.2, 0.14, 1.05, WOOD)
    for x, y, r in ((-0.42, -0.1, 0.48), (0.42, -0.1, 0.48), (0.0, -0.5, 0.56), (0.0, 0.0, 0.52)):
        pen.oval(x, y, r, pen.rgb)
    pen.oval(-0.16, -0.56, 0.24, pen.tint)


def _flower(pen: Pencil) -> None:
    pen.line([(0.0, 0.0), (0.05, 0.5), (0.0, 1.1)], 0.12, LEAF)
    pen.oval(0.27, 0.72, 0.24, LEAF, 0.45)
    for angle in _turns(6):
        pen.oval(0.46 * math.cos(angle), -0.35 + 0.46 * math.sin(angle), 0.32, pen.rgb)
    centre = (246, 206, 60) if pen.item.colour != "yellow" else (150, 84, 30)
    pen.oval(0.0, -0.35, 0.27, centre)


def _mushroom(pen: Pencil) -> None:
    pen.fill([(-0.24, 0.0), (0.24, 0.0), (0.34, 0.95), (-0.34, 0.95)], (236, 222, 198))
    pen.fill([(math.cos(a), 0.15 - 1.05 * abs(math.sin(a))) for a in _turns(60) if math.sin(a) >= 0], pen.rgb)
    dots = LIGHT if pen.item.colour != "white" else (196, 60, 50)
    for x, y, r in ((-0.45, -0.25, 0.14), (0.1, -0.6, 0.16), (0.5, -0.15, 0.12)):
        pen.oval(x, y, r, dots)


def _apple(pen: Pencil) -> None:
    for x in (-0.3, 0.3):
        pen.oval(x, 0.12, 0.62, pen.rgb, 1.2)
    pen.line([(0.0, -0.4), (0.06, -0.95)], 0.12, WOOD)
    pen.fill([(0.06, -0.62), (0.3, -0.92), (0.66, -0.9), (0.42, -0.62)], LEAF)
    pen.oval(-0.42, -0.18, 0.15, pen.tint, 1.4)


def _cat(pen: Pencil) -> None:
    pen.line([(0.5, 0.8), (0.95, 0.6), (0.9, 0.1)], 0.17, pen.shade)
    pen.oval(0.0, 0.55, 0.6, pen.rgb, 0.85)
    for side in (-1.0, 1.0):
        pen.fill([(side * 0.62, -1.05), (side * 0.6, -0.3), (side * 0.08, -0.68)], pen.rgb)
    pen.oval(0.0, -0.3, 0.62, pen.rgb, 0.85)
    eye = LIGHT if pen.item.colour == "black" else DARK
    for x in (-0.25, 0.25):
        pen.oval(x, -0.36, 0.1, eye, 1.3)
    pen.fill([(-0.09, -0.14), (0.09, -0.14), (0.0, -0.03)], (226, 120, 130))


def _fish(pen: Pencil) -> None:
    pen.fill([(0.45, 0.0), (1.1, -0.5), (0.95, 0.0), (1.1, 0.5)], pen.shade)
    pen.fill([(-0.1, -0.45), (0.25, -0.8), (0.4, -0.3)], pen.shade)
    pen.oval(-0.2, 0.0, 0.85, pen.rgb, 0.62)
    pen.oval(-0.65, -0.12, 0.13, LIGHT)
    pen.oval(-0.67, -0.12, 0.07, DARK)


def _boat(pen: Pencil) -> None:
    sail = LIGHT if pen.item.colour not in ("white", "gray") else (206, 74, 60)
    pen.box(-0.05, -1.05, 0.05, 0.45, WOOD)
    pen.fill([(0.1, -0.95), (0.85, 0.3), (0.1, 0.3)], sail)
    pen.fill([(-0.1, -0.75), (-0.65, 0.3), (-0.1, 0.3)], mixed(sail, DARK, 0.12))
    pen.fill([(-1.05, 0.42), (1.05, 0.42), (0.68, 0.95), (-0.68, 0.95)], pen.rgb)


def _car(pen: Pencil) -> None:
    pen.fill([(-0.6, -0.05), (-0.38, -0.52), (0.35, -0.52), (0.65, -0.05)], pen.rgb)
    pen.fill([(-0.44, -0.05), (-0.28, -0.4), (0.26, -0.4), (0.46, -0.05)], (196, 222, 236))
    pen.box(-1.08, -0.06, 1.08, 0.4, pen.rgb)
    for x in (-0.6, 0.6):
        pen.oval(x, 0.42, 0.28, DARK)
        pen.oval(x, 0.42, 0.12, (170, 170, 172))


def _cup(pen: Pencil) -> None:
    pen.oval(0.68, 0.0, 0.38, pen.shade)
    pen.oval(0.68, 0.0, 0.2, pen.tint)
    pen.fill([(-0.72, -0.62), (0.72, -0.62), (0.55, 0.8), (-0.55, 0.8)], pen.rgb)
    pen.oval(0.0, -0.62, 0.72, pen.tint, 0.22)
    pen.oval(0.0, -0.6, 0.58, (94, 58, 34), 0.16)


def _moon(pen: Pencil) -> None:
    outer = [(math.cos(a), math.sin(a)) for a in np.linspace(0.9, 2 * math.pi - 0.9, 40)]
    inner = [(0.42 + 0.82 * math.cos(a), 0.8 * math.sin(a)) for a in np.linspace(2 * math.pi - 1.32, 1.32, 40)]
    pen.fill(outer + inner, pen.rgb)


def _cloud(pen: Pencil) -> None:
    for x, y, r in ((-0.6, 0.18, 0.42), (0.6, 0.18, 0.42), (-0.15, -0.18, 0.5), (0.32, -0.02, 0.42), (0.0, 0.25, 0.4)):
        pen.oval(x, y, r, pen.rgb)


def _butterfly(pen: Pencil) -> None:
    for side in (-1.0, 1.0):
        pen.oval(side * 0.56, -0.35, 0.5, pen.rgb, 0.95)
        pen.oval(side * 0.46, 0.45, 0.38, pen.shade)
        pen.oval(side * 0.6, -0.38, 0.2, pen.tint)
        pen.line([(0.0, -0.5), (side * 0.3, -1.0)], 0.06, DARK)
    pen.oval(0.0, 0.05, 0.12, DARK, 5.0)


_DRAWINGS: dict[str, Callable[[Pencil], None]] = {
    "house": _house,
    "tree": _tree,
    "flower": _flower,
    "mushroom": _mushroom,
    "apple": _apple,
    "cat": _cat,
    "fish": _fish,
    "boat": _boat,
    "car": _car,
    "cup": _cup,
    "moon": _moon,
    "cloud": _cloud,
    "butterfly": _butterfly,
}
