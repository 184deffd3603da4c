"""Where a face is taken to be, and blending the restored one in."""

from __future__ import annotations

import numpy as np
from PIL import Image

from invoke_cli.imaging.sizes import Box, Size

FADE_SHARE = 0.1


def face_box(size: Size) -> Box:
    """The square in the middle of a picture, which a portrait's face fills."""
    side = min(size)
    left, top = (size.width - side) // 2, (size.height - side) // 2
    return Box(left, top, left + side, top + side)


def with_face(image: Image.Image, face: Image.Image, box: Box, strength: float) -> Image.Image:
    """The picture with the restored face in `box`, blended in by `strength` (0..1) and fading out towards the edge."""
    side = box.size.width
    near = np.minimum(np.arange(side), np.arange(side)[::-1]) / max(1.0, side * FADE_SHARE)
    fade = np.clip(near, 0, 1)
    mask = Image.fromarray(np.round(255 * strength * np.outer(fade, fade)).astype(np.uint8))
    result = image.copy()
    result.paste(face.resize(box.size, Image.Resampling.LANCZOS), (box.left, box.top), mask)
    return result
