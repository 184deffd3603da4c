"""Skies and weather: the light of each time of day, sun, moon, stars, clouds, snow, rain and lightning."""

from __future__ import annotations

import numpy as np

from training.rendering.canvas import Array, Canvas, floats, grid, mixed, smooth_noise, vertical
from training.rendering.scene import RGB, Landscape

SKIES: dict[str, tuple[RGB, RGB]] = {
    "day": ((88, 158, 228), (198, 226, 244)),
    "sunset": ((92, 58, 128), (255, 158, 70)),
    "night": ((8, 12, 34), (32, 42, 88)),
}
STORMY: dict[str, tuple[RGB, RGB]] = {
    "day": ((66, 72, 84), (130, 136, 144)),
    "sunset": ((48, 40, 62), (176, 104, 74)),
    "night": ((8, 9, 16), (34, 38, 52)),
}
LIGHTS: dict[str, tuple[RGB, float]] = {
    "day": ((255, 255, 255), 0.0),
    "sunset": ((150, 66, 50), 0.38),
    "night": ((10, 14, 40), 0.68),
}


def lit(colour: RGB, view: Landscape) -> RGB:
    """Return a colour in the light of the landscape's time of day."""
    veil, share = LIGHTS[view.time]
    shown = mixed(colour, veil, share)
    return mixed(shown, (70, 76, 88), 0.3) if view.storm else shown


def draw_sky(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    """Draw the sky from top to horizon with everything in it."""
    top, low = (STORMY if view.storm else SKIES)[view.time]
    jitter = float(rng.uniform(0.0, 0.18))
    stops = [(0.0, mixed(top, low, jitter)), (view.horizon, low), (1.0, low)]
    canvas.replace(vertical(canvas.width, canvas.height, stops))
    if "stars" in view.extras:
        _stars(canvas, view, rng)
    if "sun" in view.extras:
        _sun(canvas, view, rng)
    if "moon" in view.extras:
        _moon(canvas, view, rng)
    if view.storm or "clouds" in view.extras:
        _clouds(canvas, view, rng)
    if "lightning" in view.extras:
        _lightning(canvas, view, rng)


def draw_falling(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    """Draw snowflakes or rain in front of everything."""
    if "snowfall" in view.extras:
        for _ in range(int(rng.integers(28, 50))):
            canvas.disc((rng.random(), rng.random()), float(rng.uniform(0.007, 0.013)), (244, 248, 255))
    if "rain" in view.extras:
        for _ in range(int(rng.integers(30, 50))):
            x, y, run = rng.random(), rng.random(), rng.uniform(0.05, 0.09)
            ends = [canvas.pixel((x, y)), canvas.pixel((x - run * 0.3, y + run))]
            canvas.stroke(ends, 0.006 * canvas.unit, (150, 164, 184))


def _stars(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(14, 30))):
        canvas.disc((rng.random(), rng.random() * view.horizon), float(rng.uniform(0.005, 0.01)), (250, 246, 220))


def _sun(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    low = view.time == "sunset"
    height = view.horizon * float(rng.uniform(0.62, 0.95) if low else rng.uniform(0.2, 0.5))
    centre = (float(rng.uniform(0.15, 0.85)), height)
    colour: RGB = (255, 206, 110) if low else (255, 240, 150)
    _halo(canvas, centre, 0.32 if low else 0.2, colour)
    canvas.disc(centre, float(rng.uniform(0.06, 0.085)), colour)


def _moon(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    centre = (float(rng.uniform(0.15, 0.85)), view.horizon * float(rng.uniform(0.22, 0.5)))
    radius = float(rng.uniform(0.05, 0.075))
    _halo(canvas, centre, 0.2, (150, 160, 200))
    canvas.disc(centre, radius, (246, 242, 218))
    canvas.disc((centre[0] - radius * 0.3, centre[1] + radius * 0.2), radius * 0.22, (222, 216, 192))


def _halo(canvas: Canvas, centre: tuple[float, float], radius: float, colour: RGB) -> None:
    xs, ys = grid(canvas.width, canvas.height)
    dx = (xs - centre[0]) * canvas.width / canvas.unit
    dy = (ys - centre[1]) * canvas.height / canvas.unit
    canvas.blend((np.clip(1 - np.hypot(dx, dy) / radius, 0, 1) ** 2 * 0.8).astype(np.float32), colour)


def _clouds(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    if view.storm:
        canvas.blend(_overcast(canvas, view, rng), lit((78, 80, 92), view))
        return
    white = lit((252, 250, 250), view)
    shade = mixed(white, SKIES[view.time][0], 0.25)
    for _ in range(int(rng.integers(2, 5))):
        x, y, wide = rng.uniform(0.08, 0.92), view.horizon * rng.uniform(0.12, 0.6), rng.uniform(0.07, 0.12)
        for colour, lift in ((shade, 0.012), (white, 0.0)):
            for part in (-1.0, -0.45, 0.15, 0.7, 1.1):
                puff = wide * (0.62 - 0.3 * abs(part))
                canvas.disc((x + part * wide, y - puff * 0.35 + lift), puff, colour, 0.75)


def _overcast(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> Array:
    thick = smooth_noise(rng, canvas.width, canvas.height, 5) + 0.5 * smooth_noise(rng, canvas.width, canvas.height, 11)
    _, ys = grid(canvas.width, canvas.height)
    fading = np.clip(1.25 - ys / view.horizon, 0.0, 1.0)
    return floats(np.clip((thick - 0.45) * 1.9, 0.0, 1.0) * fading)


def _lightning(canvas: Canvas, view: Landscape, rng: np.random.Generator) -> None:
    x, y = float(rng.uniform(0.2, 0.8)), 0.02
    points = [canvas.pixel((x, y))]
    while y < view.horizon - 0.04:
        x, y = x + float(rng.uniform(-0.07, 0.07)), y + float(rng.uniform(0.05, 0.1))
        points.append(canvas.pixel((x, y)))
    canvas.stroke(points, 0.022 * canvas.unit, (176, 176, 226))
    canvas.stroke(points, 0.01 * canvas.unit, (255, 255, 240))
