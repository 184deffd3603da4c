"""The places of compositions, drawn by the painters of landscapes, or here where landscapes have no such ground."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from training.compositions.composition import Setting
from training.rendering.canvas import Canvas, floats, grid, mixed, smooth_noise, vertical
from training.rendering.landscapes import draw_landscape, ridge, ripples, rolling
from training.rendering.scene import RGB, Landscape
from training.rendering.weather import SKIES, draw_falling, draw_sky, lit

SAND: RGB = (232, 208, 150)
# The light of a time of day on a figure: a colour and its share.
FIGURE_LIGHTS: dict[str, tuple[RGB, float]] = {
    "": ((255, 255, 255), 0.0),
    "day": ((255, 255, 255), 0.0),
    "sunset": ((214, 104, 60), 0.2),
    "night": ((12, 16, 50), 0.38),
}
# The grounds of landscapes that places have, and the places with a few trees or none.
GROUNDS = {"hill": "hills", "mountains": "mountains", "city": "city"}
WOODED, TREES = ("hill", "meadow", "snow", "mountains"), (0, 0, 1, 2)
Painter = Callable[[Canvas, Landscape, np.random.Generator], None]


def draw_place(canvas: Canvas, setting: Setting, rng: np.random.Generator) -> None:
    """Draw a place from back to front."""
    view = _view(setting, rng)
    _PAINTERS[setting.place](canvas, view, rng)


def _view(setting: Setting, rng: np.random.Generator) -> Landscape:
    place = setting.place
    extras = _extras(setting, rng)
    trees = int(rng.integers(7, 11)) if place == "forest" else int(rng.choice(TREES)) if place in WOODED else 0
    ground = GROUNDS.get(place, "plain")
    return Landscape(
        seed=0,
        medium="plain",
        ground=str(rng.choice(["hills", "plain"])) if place == "snow" else ground,
        water="none",
        time=setting.time or "day",
        season="winter" if place == "snow" else str(rng.choice(["summer", "spring", "summer"])),
        storm=setting.rain,
        horizon=float(rng.uniform(0.42, 0.58)),
        trees=trees,
        tree_kind=str(rng.choice(["round", "pine"])),
        extras=extras,
    )


def _extras(setting: Setting, rng: np.random.Generator) -> tuple[str, ...]:
    """Return what is in the sky of a place."""
    night = setting.time == "night"
    chances = {
        "sun": 0.0 if night else 0.5,
        "moon": 0.6 * night,
        "stars": 0.75 * night,
        "clouds": 0.4,
        "snowfall": 0.35 * (setting.place == "snow"),
    }
    if setting.rain:
        return ("rain",)
    return tuple(name for name, chance in chances.items() if rng.random() < chance)


def _beach(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    draw_sky(canvas, view, rng)
    _water(canvas, view, rng, foot=float(rng.uniform(0.66, 0.74)))
    sand = lit(SAND, view)
    shore = rolling(rng, float(rng.uniform(0.66, 0.74)), 0.02)
    ridge(canvas, [(x, y - 0.015) for x, y in shore], mixed(sand, (255, 255, 255), 0.6))
    ridge(canvas, shore, sand)
    draw_falling(canvas, view, rng)


def _open_sea(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    draw_sky(canvas, view, rng)
    _water(canvas, view, rng, foot=1.0)
    draw_falling(canvas, view, rng)


def _water(canvas: Canvas, view: Landscape, rng: np.random.Generator, foot: float) -> None:
    water = lit((44, 122, 190), view)
    ridge(canvas, [(0.0, view.horizon), (1.0, view.horizon)], water)
    ripples(canvas, rng, (view.horizon + 0.02, foot), mixed(water, (255, 255, 255), 0.25))


def _desert(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    draw_sky(canvas, view, rng)
    sand = lit((226, 178, 104), view)
    ridge(canvas, rolling(rng, view.horizon, 0.05), mixed(sand, SKIES[view.time][1], 0.25))
    ridge(canvas, rolling(rng, view.horizon + 0.12, 0.05), sand)
    ridge(canvas, rolling(rng, view.horizon + 0.28, 0.04), mixed(sand, (90, 40, 10), 0.12))
    draw_falling(canvas, view, rng)


def _sky(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    draw_sky(canvas, replace(view, horizon=1.0, extras=(*view.extras, "clouds")), rng)
    draw_falling(canvas, view, rng)


def _space(canvas: Canvas, _view: Landscape, rng: np.random.Generator) -> None:
    top, low = ((6, 6, 20), (22, 16, 54)) if rng.random() < 0.6 else ((4, 4, 10), (10, 12, 26))
    canvas.replace(vertical(canvas.width, canvas.height, [(0.0, top), (1.0, low)]))
    if rng.random() < 0.5:
        mist = smooth_noise(rng, canvas.width, canvas.height, 4)
        canvas.blend(np.clip(mist - 0.5, 0, 1) * 0.8, (96, 46, 150))
    _stars(canvas, rng, 1.0, int(rng.integers(30, 55)))
    if rng.random() < 0.45:
        colour: RGB = ((70, 130, 210), (214, 150, 90), (170, 170, 180))[int(rng.integers(3))]
        centre = (float(rng.choice([0.12, 0.88])), float(rng.choice([0.14, 0.86])))
        canvas.disc(centre, float(rng.uniform(0.08, 0.16)), colour)


def _stars(canvas: Canvas, rng: np.random.Generator, foot: float, count: int) -> None:
    for _ in range(count):
        canvas.disc((rng.random(), rng.random() * foot), float(rng.uniform(0.004, 0.009)), (250, 248, 232))


def _moon(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    canvas.replace(vertical(canvas.width, canvas.height, [(0.0, (4, 4, 12)), (1.0, (14, 14, 30))]))
    _stars(canvas, rng, view.horizon + 0.1, int(rng.integers(18, 34)))
    if rng.random() < 0.5:
        centre = (float(rng.choice([0.15, 0.85])), float(rng.uniform(0.12, 0.24)))
        canvas.disc(centre, 0.08, (64, 126, 206))
        canvas.disc((centre[0] - 0.02, centre[1] + 0.01), 0.035, (88, 168, 92))
    grey: RGB = (158, 158, 164)
    ridge(canvas, rolling(rng, view.horizon + 0.06, 0.025), mixed(grey, (20, 20, 30), 0.25))
    ridge(canvas, rolling(rng, view.horizon + 0.16, 0.02), grey)
    for _ in range(int(rng.integers(5, 9))):
        y = float(rng.uniform(view.horizon + 0.22, 0.97))
        wide = 0.03 + 0.08 * (y - view.horizon) * float(rng.uniform(0.6, 1.4))
        x = float(rng.random())
        canvas.disc((x, y), wide, (118, 118, 126), squash=0.4)
        canvas.disc((x, y + 0.008), wide * 0.8, (138, 138, 146), squash=0.35)


def _table(canvas: Canvas, _view: Landscape, rng: np.random.Generator) -> None:
    walls: tuple[RGB, ...] = ((226, 214, 196), (196, 210, 216), (214, 220, 200), (232, 222, 214), (150, 166, 178))
    wall = walls[int(rng.integers(len(walls)))]
    canvas.replace(vertical(canvas.width, canvas.height, [(0.0, wall), (1.0, mixed(wall, (60, 50, 40), 0.25))]))
    wood: RGB = ((156, 102, 62), (186, 132, 84), (122, 78, 50))[int(rng.integers(3))]
    top = float(rng.uniform(0.58, 0.68))
    ridge(canvas, [(0.0, top), (1.0, top)], wood)
    for y in np.linspace(top + 0.07, 0.98, 4):
        canvas.stroke(
            [canvas.pixel((0.0, float(y))), canvas.pixel((1.0, float(y)))],
            0.008 * canvas.unit,
            mixed(wood, (50, 26, 10), 0.25),
        )
    canvas.stroke(
        [canvas.pixel((0.0, top)), canvas.pixel((1.0, top))], 0.014 * canvas.unit, mixed(wood, (255, 255, 255), 0.3)
    )


def _underwater(canvas: Canvas, _view: Landscape, rng: np.random.Generator) -> None:
    stops: list[tuple[float, RGB]] = [(0.0, (94, 206, 226)), (0.6, (30, 124, 186)), (1.0, (16, 66, 128))]
    canvas.replace(vertical(canvas.width, canvas.height, stops))
    xs, ys = grid(canvas.width, canvas.height)
    slant, phase = float(rng.uniform(-0.5, 0.5)), float(rng.uniform(0, 6.3))
    rays = np.clip(np.sin((xs + slant * ys) * 16 + phase), 0, 1) * np.clip(0.9 - ys, 0, 1)
    canvas.blend(floats(rays * 0.25), (230, 255, 255))
    floor = float(rng.uniform(0.86, 0.93))
    ridge(canvas, rolling(rng, floor, 0.015), (150, 160, 140))
    for _ in range(int(rng.integers(2, 6))):
        _weed(canvas, rng, floor)
    for _ in range(int(rng.integers(4, 12))):
        canvas.disc((rng.random(), rng.random()), float(rng.uniform(0.008, 0.018)), (178, 230, 242))


def _weed(canvas: Canvas, rng: np.random.Generator, floor: float) -> None:
    x, tall, phase = float(rng.random()), float(rng.uniform(0.1, 0.26)), float(rng.uniform(0, 6.3))
    points = [
        canvas.pixel((x + 0.02 * float(np.sin(step * 0.9 + phase)), floor + 0.03 - tall * step / 8))
        for step in range(9)
    ]
    canvas.stroke(points, 0.022 * canvas.unit, (36, 128, 88))


_PAINTERS: dict[str, Painter] = {
    "hill": draw_landscape,
    "meadow": draw_landscape,
    "snow": draw_landscape,
    "mountains": draw_landscape,
    "city": draw_landscape,
    "forest": draw_landscape,
    "beach": _beach,
    "desert": _desert,
    "sea": _open_sea,
    "sky": _sky,
    "space": _space,
    "moon": _moon,
    "table": _table,
    "underwater": _underwater,
}
