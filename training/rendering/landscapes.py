"""Draw landscapes: ground, water, trees and things among them, from the horizon to the foreground."""

from __future__ import annotations

import numpy as np

from training.rendering.canvas import Canvas, Point, mixed, smooth_noise
from training.rendering.fires import burn
from training.rendering.scene import PALETTE, RGB, Item, Landscape
from training.rendering.things import draw_thing
from training.rendering.weather import SKIES, STORMY, draw_falling, draw_sky, lit

GRASS: dict[str, RGB] = {
    "spring": (126, 192, 84),
    "summer": (88, 156, 66),
    "autumn": (176, 134, 62),
    "winter": (236, 242, 250),
}
LEAVES: dict[str, tuple[RGB, ...]] = {
    "spring": ((246, 176, 204), (152, 206, 98)),
    "summer": ((46, 124, 56), (66, 142, 62)),
    "autumn": ((214, 104, 36), (228, 166, 46), (186, 60, 40)),
    "winter": ((184, 200, 220), (206, 218, 232)),
}
WINDOW_LIGHTS: tuple[RGB, ...] = ((255, 226, 130), (96, 236, 255), (255, 100, 210))


def draw_landscape(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    """Draw a landscape from back to front."""
    draw_sky(canvas, view, rng)
    if view.ground in ("mountains", "sea") or (view.ground == "hills" and "peaks" in view.extras):
        _ranges(canvas, view, rng)
    _GROUND[view.ground](canvas, view, rng)
    if view.water != "none":
        _water(canvas, view, rng)
    if view.house:
        _house(canvas, view, rng)
    _trees(canvas, view, rng)
    if "boat" in view.extras:
        _boat(canvas, view, rng)
    if "campfire" in view.extras:
        aside = float(rng.choice([0.14, 0.86])) if view.water == "lake" else float(rng.uniform(0.2, 0.8))
        place = (aside, float(rng.uniform(0.86, 0.93)))
        burn(canvas, rng, place, float(rng.uniform(0.15, 0.2)))
    draw_falling(canvas, view, rng)


def ridge(canvas: Canvas, heights: list[Point], colour: RGB) -> None:
    """Fill everything below a line of points."""
    corners = [canvas.pixel(point) for point in heights]
    canvas.polygon([*corners, (canvas.width, canvas.height), (0, canvas.height)], colour)


def rolling(rng: np.random.Generator, base: float, swell: float) -> list[Point]:
    """Return a random wave across the picture around a height."""
    phase, waves = float(rng.uniform(0, 6.3)), float(rng.uniform(3.0, 6.5))
    xs = np.linspace(0, 1, 49)
    return [(float(x), base + swell * float(np.sin(waves * x + phase))) for x in xs]


def _ranges(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    if view.ground == "sea":
        return
    sky = (STORMY if view.storm else SKIES)[view.time][1]
    for depth in (0, 1):
        rock = mixed(lit((112, 116, 134), view), sky, 0.4 - 0.3 * depth)
        for _ in range(3 - depth):
            _peak(canvas, view, rng, rock)


def _peak(canvas: Canvas, view: Landscape, rng: np.random.Generator, rock: RGB) -> None:
    x, wide = float(rng.uniform(0.05, 0.95)), float(rng.uniform(0.24, 0.42))
    top = view.horizon - float(rng.uniform(0.18, 0.34))
    foot = view.horizon + 0.06
    canvas.polygon([canvas.pixel(p) for p in ((x, top), (x + wide, foot), (x - wide, foot))], rock)
    dark = mixed(rock, (20, 24, 40), 0.25)
    canvas.polygon([canvas.pixel(p) for p in ((x, top), (x + wide, foot), (x + wide * 0.12, foot))], dark)
    if view.winter or "peaks" in view.extras or view.season == "spring":
        cap = (0.62 if view.winter else 0.34) * (foot - top)
        side = wide * cap / (foot - top)
        snow = lit((246, 249, 255), view)
        zigzag = [
            (x + side * k, top + cap * (1.0 + (0.18 if i % 2 else -0.12))) for i, k in enumerate((1, 0.5, 0, -0.5, -1))
        ]
        canvas.polygon([canvas.pixel(p) for p in ((x, top), *zigzag)], snow)


def _hills(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    grass = lit(GRASS[view.season], view)
    ridge(canvas, rolling(rng, view.horizon, 0.045), mixed(grass, SKIES[view.time][1], 0.3))
    ridge(canvas, rolling(rng, view.horizon + 0.14, 0.06), mixed(grass, (0, 0, 0), 0.05))
    ridge(canvas, rolling(rng, view.horizon + 0.3, 0.05), mixed(grass, (0, 0, 0), 0.13))


def _flat(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    grass = lit(GRASS[view.season], view)
    ridge(canvas, rolling(rng, view.horizon + 0.02, 0.008), mixed(grass, SKIES[view.time][1], 0.18))
    ridge(canvas, rolling(rng, view.horizon + 0.2, 0.012), mixed(grass, (0, 0, 0), 0.08))


def _sea(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    water = lit((48, 118, 178), view)
    ridge(canvas, [(0.0, view.horizon), (1.0, view.horizon)], water)
    ripples(canvas, rng, (view.horizon, 0.98), mixed(water, (255, 255, 255), 0.22))
    if rng.random() < 0.5 or view.house or view.trees:
        sand = lit((228, 206, 150) if not view.winter else (236, 242, 250), view)
        ridge(canvas, rolling(rng, 0.85, 0.03), sand)


def _city(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    for depth, tall in ((0, 0.42), (1, 0.28)):
        x = -0.02
        while x < 1.0:
            wide = float(rng.uniform(0.15, 0.25))
            _tower(canvas, view, rng, (x, view.horizon + 0.16 * depth - float(rng.uniform(0.1, tall)), wide, depth))
            x += wide + float(rng.uniform(0.0, 0.02))
    street = lit((92, 92, 100) if not view.winter else (222, 228, 238), view)
    ridge(canvas, [(0.0, view.horizon + 0.24), (1.0, view.horizon + 0.24)], street)


def _tower(canvas: Canvas, view: Landscape, rng: np.random.Generator, where: tuple[float, float, float, int]) -> None:
    left, top, wide, depth = where
    stone = mixed(lit((120, 124, 140), view), (30, 32, 48), 0.15 + 0.3 * depth)
    box = ((left, top), (left + wide, top), (left + wide, 1.0), (left, 1.0))
    canvas.polygon([canvas.pixel(p) for p in box], mixed(stone, (0, 0, 0), float(rng.uniform(0, 0.15))))
    glow = (
        WINDOW_LIGHTS[int(rng.integers(len(WINDOW_LIGHTS)))]
        if view.time == "night"
        else mixed(stone, (235, 240, 250), 0.5)
    )
    for column in np.arange(left + 0.025, left + wide - 0.05, 0.075):
        for row in np.arange(top + 0.035, view.horizon + 0.18, 0.1):
            if rng.random() < 0.7:
                spot = [(column, row), (column + 0.045, row), (column + 0.045, row + 0.06), (column, row + 0.06)]
                canvas.polygon([canvas.pixel(p) for p in spot], glow)


def _water(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    water = lit((196, 222, 238) if view.winter else (62, 134, 196), view)
    if view.water == "lake":
        y = float(rng.uniform(0.76, 0.84))
        canvas.disc((float(rng.uniform(0.4, 0.6)), y), 0.36, water, squash=float(rng.uniform(0.26, 0.34)))
        ripples(canvas, rng, (y - 0.05, y + 0.05), mixed(water, (255, 255, 255), 0.3), reach=(0.3, 0.7))
        return
    foot, bend = float(rng.uniform(0.25, 0.75)), float(rng.uniform(-0.25, 0.25))
    left, right = [], []
    for step in range(25):
        t = step / 24
        middle = 0.5 + (foot - 0.5) * t + bend * float(np.sin(3.6 * t))
        half = 0.012 + 0.12 * t**1.5
        y = view.horizon + 0.06 + (1.0 - view.horizon) * t
        left.append((middle - half, y))
        right.append((middle + half, y))
    canvas.polygon([canvas.pixel(p) for p in (*left, *right[::-1])], water)


def ripples(
    canvas: Canvas,
    rng: np.random.Generator,
    rows: tuple[float, float],
    colour: RGB,
    reach: tuple[float, float] = (0.0, 1.0),
) -> None:
    """Draw short horizontal strokes on water between two heights."""
    for _ in range(int(rng.integers(5, 10))):
        x, y, run = (
            float(rng.uniform(*reach)),
            float(rng.uniform(rows[0] + 0.01, rows[1])),
            float(rng.uniform(0.07, 0.14)),
        )
        canvas.stroke([canvas.pixel((x - run / 2, y)), canvas.pixel((x + run / 2, y))], 0.011 * canvas.unit, colour)


def _trees(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    low = 0.74 if view.ground == "city" else view.horizon + 0.1
    feet = sorted(float(rng.uniform(low, 0.9)) for _ in range(view.trees))
    if view.trees == 1:
        feet = [float(rng.uniform(view.horizon + 0.1, view.horizon + 0.22))]
    for foot in feet:
        tall = (0.34 if view.trees == 1 else 0.15 + 0.2 * (foot - low)) * float(rng.uniform(0.85, 1.2))
        _tree(canvas, view, rng, (float(rng.uniform(0.06, 0.94)), foot, tall))


def _tree(canvas: Canvas, view: Landscape, rng: np.random.Generator, where: tuple[float, float, float]) -> None:
    x, foot, tall = where
    trunk = [canvas.pixel((x, foot)), canvas.pixel((x, foot - tall * 0.5))]
    canvas.stroke(trunk, 0.09 * tall * canvas.unit, lit((94, 62, 40), view))
    choice = LEAVES[view.season]
    if view.tree_kind == "pine":
        leaf = lit((40, 96, 62) if not view.winter else (128, 164, 158), view)
        for k, half in ((0.15, 0.34), (0.42, 0.27), (0.68, 0.19)):
            corners = (
                (x - half * tall, foot - k * tall),
                (x + half * tall, foot - k * tall),
                (x, foot - (k + 0.42) * tall),
            )
            canvas.polygon([canvas.pixel(p) for p in corners], mixed(leaf, (0, 0, 0), 0.3 * (0.68 - k)))
        return
    leaf = lit(choice[int(rng.integers(len(choice)))], view)
    for dx, dy, r in ((-0.2, 0.55, 0.22), (0.2, 0.55, 0.22), (0.0, 0.78, 0.25), (0.0, 0.55, 0.24)):
        canvas.disc((x + dx * tall, foot - dy * tall), r * tall, leaf)
    canvas.disc((x - 0.08 * tall, foot - 0.82 * tall), 0.11 * tall, mixed(leaf, (255, 255, 255), 0.16))


def _house(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    radius = float(rng.uniform(0.09, 0.13))
    foot = 0.9 if view.ground == "sea" else view.horizon + float(rng.uniform(0.1, 0.2))
    rgb = lit(PALETTE[view.house], view)
    where = {"x": float(rng.uniform(0.15, 0.85)), "y": foot - radius}
    draw_thing(canvas, Item(kind="house", colour=view.house, rgb=rgb, size="small", radius=radius, **where), rng)


def _boat(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    low, high = (view.horizon, view.horizon + 0.12) if view.ground == "sea" else (0.74, 0.8)
    rgb = lit((176, 66, 50), view)
    where = {"x": float(rng.uniform(0.3, 0.7)), "y": float(rng.uniform(low, high))}
    draw_thing(canvas, Item(kind="boat", colour="red", rgb=rgb, size="small", radius=0.09, **where), rng)


def ground_texture(canvas: Canvas, rng: np.random.Generator) -> None:
    """Modulate the light over the whole canvas, so that plain areas do not look flat."""
    uneven = smooth_noise(rng, canvas.width, canvas.height, 9) - 0.5
    canvas.replace(np.asarray(canvas.image, dtype=np.float32) * (1.0 + 0.08 * uneven[..., None]))


_GROUND = {"hills": _hills, "mountains": _hills, "plain": _flat, "sea": _sea, "city": _city}
