"""Combine images: the strip of a run's latents, plain and captioned grids, contact sheets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from invoke_cli.imaging.sheets.captions import caption
from invoke_cli.imaging.sheets.layout import (
    beside,
    captioned_row,
    empty,
    fitted,
    measured_table,
    stack_vertically,
    table,
    with_margin,
)

STRIP_SIDE = 192
_LATENT_PIXELS = 8  # pixels of an image for each of a latent preview
GRID_CELL = 768
CONTACT_CELL = 224
CONTACT_GAP = 12
_CONTACT_COLUMNS = 6
_MAX_WIDTH = 6000
_MIN_CELL = 128
_LABEL_SIZE = 12
_BLOCK_GAP = 16


def grid(images: Sequence[Image.Image]) -> Image.Image:
    """Return the images in floor(sqrt(n)) rows without margins, as in InvokeAI; cells are as large as the largest."""
    rows = max(1, math.isqrt(len(images)))
    columns = math.ceil(len(images) / rows)
    width, height = max(image.width for image in images), max(image.height for image in images)
    sheet = Image.new("RGB", (columns * width, rows * height))
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        sheet.paste(image, (column * width, row * height))
    return sheet


def captioned_grid(images: Sequence[Image.Image], captions: Sequence[str]) -> Image.Image:
    """Return captioned images in cells of one size: up to three in a row, more in a square."""
    columns = len(images) if len(images) <= 3 else math.ceil(math.sqrt(len(images)))
    most = max(_MIN_CELL, min(GRID_CELL, _MAX_WIDTH // columns))
    return _cells(images, captions, columns, most)


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Captioned images in rows of `columns`, below a heading; None stands for an image that is missing."""

    heading: str
    images: Sequence[Image.Image | None]
    captions: Sequence[str]
    columns: int


def nested_grid(blocks: Sequence[Block], across: int) -> Image.Image:
    """Return a grid of blocks, `across` beside each other. All cells have one size, smaller if there are many."""
    images = [image for block in blocks for image in block.images if image is not None] or [Image.new("RGB", (64, 64))]
    columns = max(block.columns for block in blocks) * across
    rows = sum(math.ceil(len(block.images) / block.columns) for block in blocks[::across])
    cell = _cell_size(images, max(_MIN_CELL, min(GRID_CELL // 2, _MAX_WIDTH // max(columns, rows))))
    return with_margin(table([_block(block, cell) for block in blocks], across, _BLOCK_GAP))


def _block(block: Block, cell: tuple[int, int]) -> Image.Image:
    body = _in_rows(block.images, block.captions, block.columns, cell)
    return stack_vertically([caption(block.heading, body.width), body]) if block.heading else body


def contact_sheet(images: Sequence[Image.Image], captions: Sequence[str], title: str, shared: str = "") -> Image.Image:
    """Return thumbnails, each above its caption, below a title and what all of them share.

    A caption is as wide as its image; a very narrow image is given more room.
    """
    columns = min(len(images), max(_CONTACT_COLUMNS, math.ceil(math.sqrt(len(images)))))
    blocks = [_captioned_thumbnail(image, text) for image, text in zip(images, captions, strict=True)]
    body = measured_table(blocks, columns, CONTACT_GAP)
    width = max(CONTACT_CELL, body.width)
    head = [caption(title, width), *([caption(shared, width, _LABEL_SIZE)] if shared else [])]
    return with_margin(stack_vertically([*head, body]), CONTACT_GAP)


def _captioned_thumbnail(image: Image.Image, text: str) -> Image.Image:
    scale = min(CONTACT_CELL / max(image.size), max(1.0, _MIN_CELL / image.width))
    if image.width * scale < _MIN_CELL:  # too narrow for text: higher than the others
        scale = min(_MIN_CELL / image.width, 2 * CONTACT_CELL / image.height)
    width, height = round(image.width * scale), max(1, round(image.height * scale))
    small = fitted(image, max(width, _MIN_CELL), height)
    return stack_vertically([small, caption(text, small.width, _LABEL_SIZE)], 0)


def _cells(images: Sequence[Image.Image], captions: Sequence[str], columns: int, most: int) -> Image.Image:
    """Return captioned images in cells of one size, with a margin around all of them."""
    return with_margin(_in_rows(images, captions, columns, _cell_size(images, most)))


def _cell_size(images: Sequence[Image.Image], most: int) -> tuple[int, int]:
    """Return a size as large as the largest image, up to `most` pixels, and wide enough for text."""
    width, height = max(image.width for image in images), max(image.height for image in images)
    scale = max(min(1.0, most / max(width, height)), _MIN_CELL / width)
    return round(width * scale), max(1, round(height * scale))


def _in_rows(
    images: Sequence[Image.Image | None], captions: Sequence[str], columns: int, cell: tuple[int, int]
) -> Image.Image:
    scaled = [empty(*cell) if image is None else fitted(image, *cell) for image in images]
    rows = []
    for start in range(0, len(scaled), columns):
        rows += captioned_row(scaled[start : start + columns], captions[start : start + columns], _LABEL_SIZE)
    return table(rows, columns)


def strip(frames: Sequence[Image.Image], labels: Sequence[str], final: Image.Image | None = None) -> Image.Image:
    """Return the captioned frames side by side, with the finished image at the end."""
    cells = [_scaled(frame) for frame in frames]
    names = list(labels)
    if final is not None:
        cells.append(final.resize(cells[0].size, Image.Resampling.LANCZOS))
        names.append("result")
    return with_margin(beside(captioned_row(cells, names, _LABEL_SIZE)))


def _scaled(frame: Image.Image) -> Image.Image:
    """Enlarge a latent preview so that its longer side is `STRIP_SIDE`."""
    scale = STRIP_SIDE / max(frame.size)
    size = (max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
    return frame.resize(size, Image.Resampling.BILINEAR)


def enlarged(frame: Image.Image, largest: int) -> Image.Image:
    """Enlarge a frame of the latents up to eight times, to about the size of an image with this longer side."""
    factor = max(1, min(_LATENT_PIXELS, math.ceil(largest / max(frame.size))))
    return frame.resize((frame.width * factor, frame.height * factor), Image.Resampling.BILINEAR)


def difference(first: Image.Image, second: Image.Image) -> float:
    """Return the mean absolute difference of two images of one size, 0 to 255."""
    import numpy as np

    return float(np.abs(np.asarray(first, dtype=np.int16) - np.asarray(second, dtype=np.int16)).mean())


@dataclass(frozen=True, kw_only=True, slots=True)
class Distance:
    """The difference of two images of one size.

    Attributes:
        mean: The mean difference of a channel, 0 to 255.
        most: The largest difference of a channel, 0 to 255.
        share: The share of pixels that differ, 0 to 1.
    """

    mean: float
    most: int
    share: float


def distance(first: Image.Image, second: Image.Image) -> Distance:
    """Return the difference of two RGB images of one size."""
    import numpy as np

    differences = np.abs(np.asarray(first, dtype=np.int16) - np.asarray(second, dtype=np.int16))
    return Distance(
        mean=float(differences.mean()), most=int(differences.max()), share=float((differences.max(axis=-1) > 0).mean())
    )
