"""Give a thing another colour: its main colour becomes the wanted one, light and shade stay."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.rendering.canvas import Array, floats
from training.rendering.scene import RGB

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
HUE_BINS = 36
# A pixel below this saturation has no hue; a thing with less than this share of coloured pixels is a neutral one.
SATURATED, COLOURED_SHARE = 0.22, 0.3
# Hues up to this far from the main one, in degrees, change wholly, and up to the second not at all.
NEAR, FAR = 32.0, 58.0


def recoloured(pixels: NDArray[np.uint8], rgb: RGB) -> NDArray[np.uint8]:
    """Return a picture (H, W, 4) in which the main colour is `rgb`."""
    shown = floats(pixels[..., :3])
    opaque = pixels[..., 3] > 128
    if not opaque.any():
        return pixels
    share = _main_share(shown, opaque)
    luma = floats(shown @ LUMA)
    chosen = opaque & (share > 0.5)
    middle = float(np.median(luma[chosen if chosen.any() else opaque]))
    light = np.clip(luma / max(middle, 12.0), 0.25, 1.9)[..., None]
    target = np.asarray(rgb, dtype=np.float32)
    dark = target * np.minimum(light, 1.0)
    painted = dark + (255 - dark) * np.clip((light - 1.0) * 0.55, 0.0, 0.75)
    mixed = shown + (painted - shown) * share[..., None]
    result = np.concatenate([np.clip(mixed, 0, 255).astype(np.uint8), pixels[..., 3:]], axis=2)
    return np.ascontiguousarray(result)


def _main_share(shown: Array, opaque: NDArray[np.bool_]) -> Array:
    """Return how much of every pixel (H, W) is of the main colour, 0..1."""
    hue, saturation, value = _hsv(shown)
    coloured = opaque & (saturation > SATURATED) & (value > 40)
    if coloured.sum() < COLOURED_SHARE * max(1, opaque.sum()):
        neutral = np.clip((0.42 - saturation) / 0.2, 0.0, 1.0)
        # The outlines and eyes of light things stay dark.
        bright = np.clip((value - 60) / 40, 0.0, 1.0) if float(np.median(value[opaque])) > 110 else 1.0
        return floats(neutral * bright)
    counts, _ = np.histogram(hue[coloured], bins=HUE_BINS, range=(0, 360), weights=saturation[coloured])
    smooth = counts + np.roll(counts, 1) + np.roll(counts, -1)
    main = (int(smooth.argmax()) + 0.5) * 360 / HUE_BINS
    away = np.abs((hue - main + 180) % 360 - 180)
    near = np.clip((FAR - away) / (FAR - NEAR), 0.0, 1.0)
    return floats(near * np.clip((saturation - 0.1) / 0.14, 0.0, 1.0))


def _hsv(shown: Array) -> tuple[Array, Array, Array]:
    """Return hue in degrees, saturation 0..1 and value 0..255 of every pixel."""
    high, low = shown.max(axis=2), shown.min(axis=2)
    spread = np.maximum(high - low, 1e-3)
    red, green, blue = (shown[..., channel] for channel in range(3))
    hue = np.where(
        high == red,
        (green - blue) / spread,
        np.where(high == green, 2 + (blue - red) / spread, 4 + (red - green) / spread),
    )
    return floats(hue * 60 % 360), floats((high - low) / np.maximum(high, 1.0)), floats(high)
