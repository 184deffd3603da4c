"""Several pictures as one: the strip of a run's latents, and the grid of a line's images."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

LABEL_HEIGHT = 18
GAP = 4
STRIP_SIDE = 192
_PAPER, _INK = (24, 24, 24), (220, 220, 220)


def grid(images: Sequence[Image.Image]) -> Image.Image:
    """The images in floor(sqrt(n)) rows without margins, as InvokeAI laid them out; cells as large as the largest."""
    rows = max(1, math.isqrt(len(images)))
    columns = math.ceil(len(images) / rows)
    width, height = max(image.width for image in images), max(image.height for image in images)
    sheet = Image.new("RGB", (columns * width, rows * height))
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        sheet.paste(image, (column * width, row * height))
    return sheet


def strip(frames: Sequence[Image.Image], labels: Sequence[str], final: Image.Image | None = None) -> Image.Image:
    """The frames side by side, each under its label, with the finished picture at the end."""
    cells = [_scaled(frame) for frame in frames]
    names = list(labels)
    if final is not None:
        cells.append(final.resize(cells[0].size, Image.Resampling.LANCZOS))
        names.append("result")
    width, height = cells[0].size
    sheet = Image.new("RGB", (len(cells) * (width + GAP) + GAP, height + LABEL_HEIGHT + GAP), _PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=12)
    for index, (cell, name) in enumerate(zip(cells, names, strict=True)):
        left = GAP + index * (width + GAP)
        pen.text((left + 2, 2), name, fill=_INK, font=font)
        sheet.paste(cell, (left, LABEL_HEIGHT))
    return sheet


def _scaled(frame: Image.Image) -> Image.Image:
    """A frame of one pixel a latent, enlarged so that its longer side is `STRIP_SIDE`."""
    scale = STRIP_SIDE / max(frame.size)
    size = (max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
    return frame.resize(size, Image.Resampling.BILINEAR)


def enlarged(frame: Image.Image, factor: int = 8) -> Image.Image:
    """A frame of one pixel a latent at about the size of the picture."""
    return frame.resize((frame.width * factor, frame.height * factor), Image.Resampling.BILINEAR)


def difference(first: Image.Image, second: Image.Image) -> float:
    """Mean absolute difference of two pictures of one size, 0 to 255."""
    import numpy as np

    return float(np.abs(np.asarray(first, dtype=np.int16) - np.asarray(second, dtype=np.int16)).mean())
