"""Render a scene: the same scene gives the same pixels, at any size."""

from __future__ import annotations

import numpy as np
from PIL import Image

from training.rendering.canvas import Canvas, grid, vertical
from training.rendering.fires import SOOT, draw_hearth, glow
from training.rendering.landscapes import draw_landscape, ground_texture
from training.rendering.media import apply_medium
from training.rendering.scene import RGB, SHAPES, Hearth, Landscape, Objects, Scene
from training.rendering.shapes import draw_shape
from training.rendering.things import draw_thing


def render(scene: Scene, width: int = 256, height: int = 256) -> Image.Image:
    """Render the scene as an RGB image of the requested size."""
    rng = np.random.default_rng(scene.seed)
    canvas = Canvas(width, height, _paper(scene))
    if isinstance(scene, Objects):
        _draw_objects(canvas, scene, rng)
    elif isinstance(scene, Hearth):
        draw_hearth(canvas, scene, rng)
    else:
        draw_landscape(canvas, scene, rng)
    if scene.medium == "photo" and not isinstance(scene, Objects):
        ground_texture(canvas, rng)
    return apply_medium(scene.medium, canvas.finished(), rng)


def _paper(scene: Scene) -> RGB:
    if isinstance(scene, Objects):
        return scene.backdrop_rgb
    if isinstance(scene, Hearth):
        return scene.wall_rgb
    return SOOT if isinstance(scene, Landscape) and scene.time == "night" else (255, 255, 255)


def _draw_objects(canvas: Canvas, scene: Objects, rng: np.random.Generator) -> None:
    if scene.fade:
        canvas.replace(_faded(canvas, scene))
    for item in scene.items:
        if scene.medium == "photo":
            _shadow(canvas, item.x, item.y, item.radius)
        if item.kind == "fire":
            glow(canvas, (item.x, item.y), item.radius * 1.7, 0.5)
        if item.kind in SHAPES:
            draw_shape(canvas, item)
        else:
            draw_thing(canvas, item, rng)


def _faded(canvas: Canvas, scene: Objects) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    red, green, blue = scene.backdrop_rgb
    up, down = 1 + scene.fade, 1 - scene.fade
    light = (min(255, round(red * up)), min(255, round(green * up)), min(255, round(blue * up)))
    dark = (round(red * down), round(green * down), round(blue * down))
    return vertical(canvas.width, canvas.height, [(0.0, light), (1.0, dark)])


def _shadow(canvas: Canvas, x: float, y: float, radius: float) -> None:
    xs, ys = grid(canvas.width, canvas.height)
    below = y + 1.02 * radius * canvas.unit / canvas.height
    dx = (xs - x) * canvas.width / canvas.unit / radius
    dy = (ys - below) * canvas.height / canvas.unit / (0.22 * radius)
    canvas.blend(np.clip(1 - np.hypot(dx, dy), 0, 1).astype(np.float32) * 0.4, (16, 14, 18))
