"""Locate a portrait's face, and blend the restored face into the image."""

from __future__ import annotations

import numpy as np
from PIL import Image

from invoke_cli.imaging.sizes import Box, Size

FADE_SHARE = 0.1


def face_box(size: Size) -> Box:
    """Return the central square of an image, where a portrait's face is assumed to be."""
    side = min(size)
    left, top = (size.width - side) // 2, (size.height - side) // 2
    return Box(left, top, left + side, top + side)


def blend_face(image: Image.Image, face: Image.Image, box: Box, strength: float) -> Image.Image:
    """Blend a restored face into `box` with `strength` (0..1), fading out towards the box's edge."""
    side = box.size.width
    near = np.minimum(np.arange(side), np.arange(side)[::-1]) / max(1.0, side * FADE_SHARE)
    fade = np.clip(near, 0, 1)
    mask = Image.fromarray(np.round(255 * strength * np.outer(fade, fade)).astype(np.uint8))
    result = image.copy()
    result.paste(face.resize(box.size, Image.Resampling.LANCZOS), (box.left, box.top), mask)
    return result
