"""Draw compositions: the setting, contact shadows, and the figures in the light of the place."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageEnhance

from training.compositions.composition import GROUNDED, Composition, Figure, Setting
from training.compositions.places import FIGURE_LIGHTS, draw_place
from training.pictures.sprites import ColouredSprites
from training.rendering.canvas import Canvas, grid, mixed, vertical
from training.rendering.media import apply_medium
from training.rendering.render import render
from training.rendering.scene import RGB, Scene

# Figures are drawn in front of the sea's surface and of clouds, without a shadow.
SHADOW: RGB = (18, 16, 24)


def render_any(scene: Scene | Composition, sprites: ColouredSprites, width: int, height: int) -> Image.Image:
    """Render a composition or a scene as an RGB image."""
    if isinstance(scene, Composition):
        return render_composition(scene, sprites, width, height)
    return render(scene, width, height)


def render_composition(scene: Composition, sprites: ColouredSprites, width: int, height: int) -> Image.Image:
    """Render a composition as an RGB image of the requested size."""
    rng = np.random.default_rng(scene.seed)
    image = _background(scene, rng, width, height)
    grounded = scene.setting.place in GROUNDED or (scene.medium == "photo" and not scene.setting.place)
    for figure in sorted(scene.figures, key=lambda figure: figure.y + figure.scale / 2):
        sprite = _posed(sprites.figure(figure.kind, scene.look, figure.colour), figure, min(width, height))
        sprite = _lit(sprite, scene.setting, rng)
        corner = _corner(sprite, figure, (width, height), bool(scene.setting.place in GROUNDED))
        if grounded:
            image = _shadowed(image, sprite, corner)
        image.paste(sprite, corner, sprite)
    return apply_medium(scene.medium, image, rng)


def _background(scene: Composition, rng: np.random.Generator, width: int, height: int) -> Image.Image:
    setting = scene.setting
    if setting.place:
        canvas = Canvas(width, height, (255, 255, 255))
        draw_place(canvas, setting, rng)
        return canvas.finished()
    if not setting.fade:
        return Image.new("RGB", (width, height), setting.backdrop_rgb)
    light = mixed(setting.backdrop_rgb, (255, 255, 255), setting.fade)
    dark = mixed(setting.backdrop_rgb, (0, 0, 0), setting.fade)
    return Image.fromarray(vertical(width, height, [(0.0, light), (1.0, dark)]).astype(np.uint8))


def _posed(sprite: Image.Image, figure: Figure, unit: int) -> Image.Image:
    """Return the sprite mirrored, turned and scaled, cropped to what is opaque."""
    posed = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if figure.mirrored else sprite
    side = max(8, round(figure.scale * unit))
    posed = posed.resize((side, side), Image.Resampling.HAMMING, reducing_gap=2.0)
    # Last, since to turn the large picture takes ten times as long.
    if abs(figure.turn) > 1:
        posed = posed.rotate(figure.turn, Image.Resampling.BICUBIC)
    box = posed.getchannel("A").getbbox()
    return posed.crop(box) if box else posed


def _lit(sprite: Image.Image, setting: Setting, rng: np.random.Generator) -> Image.Image:
    """Return the sprite in the light of the time of day, a little brighter or darker at random."""
    alpha = sprite.getchannel("A")
    shown = ImageEnhance.Brightness(sprite.convert("RGB")).enhance(float(rng.uniform(0.95, 1.05)))
    veil, share = FIGURE_LIGHTS[setting.time if setting.place else ""]
    if share:
        shown = Image.blend(shown, Image.new("RGB", shown.size, veil), share)
    shown.putalpha(alpha)
    return shown


def _corner(sprite: Image.Image, figure: Figure, size: tuple[int, int], standing: bool) -> tuple[int, int]:
    """Return the upper left corner of a sprite: centred on the figure, or with its foot where the square ends."""
    width, height = size
    unit = min(size)
    left = round(figure.x * width - sprite.width / 2)
    if standing:
        return left, round(figure.y * height + figure.scale * unit / 2) - sprite.height
    return left, round(figure.y * height - sprite.height / 2)


def _shadowed(image: Image.Image, sprite: Image.Image, corner: tuple[int, int]) -> Image.Image:
    """Return the image with a soft shadow under the foot of a sprite."""
    width, height = image.size
    xs, ys = grid(width, height)
    middle, foot = corner[0] + sprite.width / 2, corner[1] + sprite.height - 0.03 * sprite.height
    across, down = 0.55 * sprite.width, max(2.0, 0.1 * sprite.width)
    reach = np.hypot((xs * width - middle) / across, (ys * height - foot) / down)
    mask = Image.fromarray((np.clip(1 - reach, 0, 1) ** 0.7 * 130).astype(np.uint8))
    return Image.composite(Image.new("RGB", image.size, SHADOW), image, mask)
