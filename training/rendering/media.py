"""The media: convert a rendered drawing to a photograph, oil, watercolor, pencil, pixel art or neon.

Input and output have the requested size; ripple and grain scale with the side, so that 128 and 256 match. The features
of a medium are larger than 1/8 of 64 pixels, since finer ones do not survive the autoencoder.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from training.rendering.canvas import Array, blurred, floats, grid, smooth_noise


def apply_medium(medium: str, image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Render the image in the medium; "plain" returns it unchanged."""
    if medium == "plain":
        return image
    pixels = np.asarray(image, dtype=np.float32)
    rendered = _FILTERS[medium](pixels, rng)
    return Image.fromarray(np.clip(rendered, 0, 255).astype(np.uint8))


def _luma(pixels: Array) -> Array:
    return floats(pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32))


def _edges(pixels: Array, radius_px: float) -> Array:
    """Return how much every pixel differs from its neighbours, 0..1."""
    soft = ndimage.gaussian_filter(pixels, (radius_px, radius_px, 0))
    steep = sum(np.hypot(ndimage.sobel(soft[..., i], 0), ndimage.sobel(soft[..., i], 1)) for i in range(3))
    return floats(np.clip(floats(steep) / 420.0, 0.0, 1.0))


def _photo(pixels: Array, rng: np.random.Generator) -> Array:
    """Soft light from one side over rounded forms, a vignette, shallow focus at the borders and fine grain."""
    height, width = pixels.shape[:2]
    scale = min(width, height) / 256
    light = ndimage.gaussian_filter(_luma(pixels), 5 * scale)
    side = float(rng.choice([-1.0, 1.0]))
    relief = ndimage.sobel(light, 1) * side + ndimage.sobel(light, 0)
    shaded = pixels * (1 + np.clip(relief * scale / 110, -0.28, 0.28))[..., None]
    xs, ys = grid(width, height)
    fall = 1.08 - 0.8 * ((xs - 0.5) ** 2 + (ys - 0.5) ** 2)
    uneven = 1 + 0.13 * (smooth_noise(rng, width, height, 5) - 0.5)
    grain = rng.normal(0, 1.6, (height, width, 1)).astype(np.float32)
    return floats(ndimage.gaussian_filter(shaded, (0.5 * scale, 0.5 * scale, 0)) * (fall * uneven)[..., None] + grain)


def _displaced(pixels: Array, rng: np.random.Generator, reach_px: float, cells: int) -> Array:
    height, width = pixels.shape[:2]
    dy = (smooth_noise(rng, width, height, cells) - 0.5) * 2 * reach_px
    dx = (smooth_noise(rng, width, height, cells) - 0.5) * 2 * reach_px
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    where = [rows + dy, columns + dx]
    moved = [ndimage.map_coordinates(pixels[..., i], where, order=1, mode="nearest") for i in range(3)]
    return floats(np.stack(moved, axis=-1))


def _oil(pixels: Array, rng: np.random.Generator) -> Array:
    """Edges displaced by the brush, broad slanting strokes of lighter and darker paint, rich colours.

    All strokes slant alike, and are fainter in the dark: strokes of any direction are a grain that a small model cannot
    distinguish from noise.
    """
    height, width = pixels.shape[:2]
    scale = min(width, height) / 256
    moved = _displaced(pixels, rng, 6 * scale, 16)
    noise = rng.normal(0, 1, (height, width)).astype(np.float32)
    level = ndimage.gaussian_filter(noise, (5 * scale, 20 * scale), mode="wrap")
    rows, columns = np.mgrid[0:height, 0:width]
    strokes = level[(rows + columns // 2) % height, columns]
    strokes = np.clip(strokes / (float(strokes.std()) + 1e-6), -2, 2)[..., None]
    painted = moved * (1 + 0.1 * strokes) + 5 * strokes
    grey = _luma(painted)[..., None]
    return floats(grey + (painted - grey) * 1.22)


def _watercolor(pixels: Array, rng: np.random.Generator) -> Array:
    """Thin pigment on white paper: pale, blotched, dark at the edge of a wash, with a ragged white border."""
    height, width = pixels.shape[:2]
    scale = min(width, height) / 256
    moved = _displaced(ndimage.gaussian_filter(pixels, (1.2 * scale, 1.2 * scale, 0)), rng, 5 * scale, 14)
    blotch = 0.6 + 0.3 * smooth_noise(rng, width, height, 8)
    pale = 255 - (255 - moved) * blotch[..., None]
    pale -= _edges(moved, 1.2 * scale)[..., None] * 26
    xs, ys = grid(width, height)
    rim = np.minimum(np.minimum(xs, 1 - xs), np.minimum(ys, 1 - ys))
    ragged = np.clip((rim - 0.025 - 0.045 * smooth_noise(rng, width, height, 12)) * 40, 0, 1)
    return floats(252 - (252 - pale) * ragged[..., None])


def _sketch(pixels: Array, rng: np.random.Generator) -> Array:
    """Pencil on paper: dark outlines and slanting strokes that are denser where the image is darker."""
    height, width = pixels.shape[:2]
    scale = min(width, height) / 256
    lines = _edges(pixels, 1.5 * scale)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    wobble = smooth_noise(rng, width, height, 8) * 16 * scale
    hatch = 0.5 + 0.5 * np.sin((rows + columns + wobble) * (2 * np.pi / (24.0 * scale)))
    dark = 1 - _luma(ndimage.gaussian_filter(pixels, (scale, scale, 0))) / 255
    tone = 0.2 * dark + 0.34 * hatch * dark
    ink = np.clip(1.1 * lines + tone, 0, 0.92)
    paper = np.array([247, 245, 238], dtype=np.float32)
    return floats(paper * (1 - ink[..., None]) + np.array([58, 58, 64], dtype=np.float32) * ink[..., None])


def _pixel(pixels: Array, rng: np.random.Generator) -> Array:
    """Blocks of one sixteenth of the shorter side in few colours."""
    height, width = pixels.shape[:2]
    block = max(2, min(width, height) // 16)
    small = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).resize(
        (max(1, width // block), max(1, height // block)), Image.Resampling.BOX
    )
    few = small.quantize(int(rng.integers(9, 15)), dither=Image.Dither.NONE).convert("RGB")
    return floats(np.asarray(few.resize((width, height), Image.Resampling.NEAREST)))


def _neon(pixels: Array, rng: np.random.Generator) -> Array:
    """Glowing tubes along the edges, in saturated colours, on an almost black night."""
    scale = min(pixels.shape[:2]) / 256
    lines = np.clip(_edges(pixels, 1.3 * scale) * 1.25, 0, 1)
    peak = pixels.max(axis=-1, keepdims=True) + 1e-3
    low = pixels.min(axis=-1, keepdims=True)
    vivid = (pixels - 0.75 * low) / (peak - 0.75 * low + 1e-3) * 255
    spread = np.asarray(Image.fromarray(np.clip(vivid, 0, 255).astype(np.uint8)).filter(ImageFilter.MaxFilter(5)))
    glow = blurred(lines, 5 * scale) * 1.3 + 0.5 * blurred(lines, 12 * scale)
    night = np.array([14, 10, 26], dtype=np.float32) * float(rng.uniform(0.8, 1.1))
    lit = night + pixels * 0.2 + spread * (0.62 * glow + lines)[..., None]
    return floats(lit + 90 * (lines**2)[..., None])


_FILTERS: dict[str, Callable[[Array, np.random.Generator], Array]] = {
    "photo": _photo,
    "oil": _oil,
    "watercolor": _watercolor,
    "sketch": _sketch,
    "pixel": _pixel,
    "neon": _neon,
}
