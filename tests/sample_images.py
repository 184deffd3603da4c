"""Images that tests start from."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw


def drawing(width: int = 96, height: int = 64) -> Image.Image:
    """Return a soft pattern of colours."""
    noise = np.random.default_rng(0).integers(0, 255, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def disc(width: int, height: int, share: float = 0.3) -> Image.Image:
    """Return a white disc on black, whose radius is `share` of the shorter side."""
    y, x = np.mgrid[:height, :width]
    inside = (x - width / 2) ** 2 + (y - height / 2) ** 2 < share * min(width, height) ** 2
    return Image.fromarray(np.where(inside, np.uint8(255), np.uint8(0)))


def square() -> Image.Image:
    """Return a white square on black, from 16 to 47, in 64 x 64 pixels."""
    image = Image.new("RGB", (64, 64))
    ImageDraw.Draw(image).rectangle((16, 16, 47, 47), fill="white")
    return image
