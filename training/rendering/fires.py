"""Draw fires: flames, logs and their light, for campfires, hearths and the thing called fire."""

from __future__ import annotations

import math

import numpy as np

from training.rendering.canvas import Canvas, Point, grid, mixed
from training.rendering.scene import RGB, Hearth

FLAME_LAYERS: tuple[tuple[float, RGB], ...] = (
    (1.0, (214, 58, 18)),
    (0.82, (243, 110, 20)),
    (0.6, (252, 172, 38)),
    (0.36, (255, 226, 110)),
)
# A fire as it is scribbled with a broad pen: a few thin tongues in one colour over a low bed.
PEN_LAYERS: tuple[tuple[float, RGB], ...] = ((1.0, (255, 96, 24)), (0.55, (255, 122, 30)))
PEN_SHARE, LIT_SHARE = 0.2, 0.4
LIT: RGB = (244, 190, 8)
BARK: RGB = (84, 52, 32)
GLOW: RGB = (255, 150, 40)
SOOT: RGB = (22, 16, 14)
HEARTH_HEIGHTS = {"small": 0.3, "medium": 0.44, "large": 0.58}


def glow(canvas: Canvas, centre: Point, radius: float, strength: float) -> None:
    """Draw warm light around a point, fading to zero at `radius` (0..1 of the shorter side)."""
    xs, ys = grid(canvas.width, canvas.height)
    dx = (xs - centre[0]) * canvas.width / canvas.unit
    dy = (ys - centre[1]) * canvas.height / canvas.unit
    near = np.clip(1.0 - np.hypot(dx, dy) / radius, 0.0, 1.0)
    canvas.blend((near**1.6 * strength).astype(np.float32), GLOW)


def flames(canvas: Canvas, rng: np.random.Generator, base: Point, height: float) -> None:
    """Draw a fire of three to five tongues, `height` of the shorter side, standing on `base`."""
    count, penned = int(rng.integers(3, 6)), rng.random() < PEN_SHARE
    tongues = [_tongue(rng, i, count) for i in range(count)]
    wide = 0.07 if penned else 0.2
    for share, colour in PEN_LAYERS if penned else FLAME_LAYERS:
        for offset, tall, lean in tongues:
            outline = _flame_outline(offset * (0.55 + 0.45 * share), tall * share, lean, wide * share + 0.05)
            canvas.polygon(canvas.about(base, height, outline), colour)
        canvas.polygon(canvas.about(base, height, _bed(share)), colour)


def logs(canvas: Canvas, rng: np.random.Generator, base: Point, length: float) -> None:
    """Draw two or three crossed logs under a fire, `length` of the shorter side across."""
    for tilt in (9.0, -10.0, 1.0)[: int(rng.integers(2, 4))]:
        slope = math.tan(math.radians(tilt + rng.uniform(-4, 4)))
        ends = canvas.about(base, length / 2, [(-1.0, -slope * 0.9), (1.0, slope * 0.9)])
        thick = 0.2 * length * canvas.unit
        bark = mixed(BARK, SOOT, float(rng.uniform(0.0, 0.5)))
        canvas.stroke(ends, thick, bark)
        for end in ends:
            canvas.spot(end, thick / 2, mixed(bark, (190, 140, 90), 0.35))
            canvas.spot(end, thick / 4, bark)


def burn(canvas: Canvas, rng: np.random.Generator, base: Point, height: float) -> None:
    """Draw a complete fire: light, flames and logs."""
    above = (base[0], base[1] - 0.4 * height * canvas.unit / canvas.height)
    glow(canvas, above, height * 1.15, 0.75)
    flames(canvas, rng, base, height)
    logs(canvas, rng, (base[0], base[1] + 0.01), height * 0.8)


def draw_hearth(canvas: Canvas, hearth: Hearth, rng: np.random.Generator) -> None:
    """Draw a fire in the dark, or in the opening of a fireplace in a wall."""
    height = hearth.height
    base = (hearth.x, hearth.base)
    if hearth.place == "bare":
        _ground(canvas, hearth)
    else:
        _fireplace(canvas, hearth, rng)
    burn(canvas, rng, base, height)
    for _ in range(int(rng.integers(0, 9))):
        spark = (hearth.x + rng.uniform(-0.3, 0.3) * height, hearth.base - rng.uniform(0.5, 1.25) * height)
        canvas.disc(spark, float(rng.uniform(0.003, 0.006)), (255, 190, 80))


def _tongue(rng: np.random.Generator, index: int, count: int) -> tuple[float, float, float]:
    middle = (index - (count - 1) / 2) / count
    tall = (1.0 - 0.75 * abs(middle)) * float(rng.uniform(0.8, 1.05))
    return middle * 0.62, tall, float(rng.uniform(-0.12, 0.12)) - middle * 0.12


def _flame_outline(x: float, tall: float, lean: float, half_width: float) -> list[Point]:
    """Return the outline of a tongue from its foot at (x, 0) to its tip: widest near the bottom, wavy above."""
    left, right = [], []
    for step in range(17):
        rise = step / 16
        width = half_width * (math.sin(math.pi * min(1.0, 0.22 + 0.78 * rise)) ** 0.8) * (1.0 - 0.35 * rise)
        sway = lean * rise + 0.05 * math.sin(5.0 * rise + 9.0 * lean) * rise
        left.append((x + sway - width, -tall * rise))
        right.append((x + sway + width, -tall * rise))
    return left + right[::-1]


def _bed(share: float) -> list[Point]:
    return [(0.38 * share * math.cos(a), 0.09 * math.sin(a) - 0.05) for a in np.linspace(0, 2 * math.pi, 32)]


def _ground(canvas: Canvas, hearth: Hearth) -> None:
    floor = mixed(hearth.wall_rgb, (60, 50, 46), 0.35)
    canvas.polygon(_band(canvas, 0.0, 1.0, hearth.base - 0.04, 1.0), floor)


def _fireplace(canvas: Canvas, hearth: Hearth, rng: np.random.Generator) -> None:
    lit = rng.random() < LIT_SHARE
    half, top = float(rng.uniform(0.26, 0.38)), hearth.base - hearth.height * 1.22
    left, right = hearth.x - half, hearth.x + half
    floor_top = hearth.base + 0.03
    stone = mixed(hearth.wall_rgb, (4, 3, 3) if lit else (46, 36, 34), float(rng.uniform(0.55, 0.95)))
    mantel = mixed(stone, (200, 150, 110), 0.0 if lit else 0.3)
    canvas.polygon(_band(canvas, 0.0, 1.0, floor_top, 1.0), (74, 68, 66))
    canvas.polygon(_band(canvas, left - 0.1, right + 0.1, top - 0.1, floor_top + 0.03), stone)
    canvas.polygon(_band(canvas, left - 0.14, right + 0.14, top - 0.14, top - 0.07), mantel)
    back = mixed(SOOT, LIT, float(rng.uniform(0.25, 0.5))) if lit else SOOT
    canvas.polygon(_band(canvas, left, right, top, floor_top + 0.03), back)
    canvas.disc((hearth.x, top + 0.03), half, back, squash=float(rng.choice([0.0, 0.14])))
    if lit:
        _light(canvas, (hearth.x, hearth.base - 0.5 * hearth.height), half)


def _light(canvas: Canvas, centre: Point, reach: float) -> None:
    """Draw a yellow glow that fills an opening of half width `reach`, but nothing around it."""
    xs, ys = grid(canvas.width, canvas.height)
    dx = (xs - centre[0]) * canvas.width / canvas.unit
    dy = (ys - centre[1]) * canvas.height / canvas.unit
    canvas.blend(np.clip(1.15 - np.hypot(dx, dy) / reach, 0.0, 1.0).astype(np.float32), LIT)


def _band(canvas: Canvas, left: float, right: float, top: float, bottom: float) -> list[Point]:
    return [canvas.pixel(corner) for corner in ((left, top), (right, top), (right, bottom), (left, bottom))]
