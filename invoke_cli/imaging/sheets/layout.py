"""Lay out images side by side, below each other, or in a table, each below its caption."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from invoke_cli.imaging.sheets.captions import BACKGROUND, DEFAULT_SIZE, FAINT, caption

GAP = 4


def beside(blocks: Sequence[Image.Image], gap: int = GAP) -> Image.Image:
    """Place the blocks in a row, aligned at the top."""
    width = sum(block.width for block in blocks) + gap * (len(blocks) - 1)
    sheet = Image.new("RGB", (width, max(block.height for block in blocks)), BACKGROUND)
    left = 0
    for block in blocks:
        sheet.paste(block, (left, 0))
        left += block.width + gap
    return sheet


def stack_vertically(blocks: Sequence[Image.Image], gap: int = GAP) -> Image.Image:
    """Place the blocks below each other, aligned at the left."""
    height = sum(block.height for block in blocks) + gap * (len(blocks) - 1)
    sheet = Image.new("RGB", (max(block.width for block in blocks), height), BACKGROUND)
    top = 0
    for block in blocks:
        sheet.paste(block, (0, top))
        top += block.height + gap
    return sheet


def table(blocks: Sequence[Image.Image], columns: int, gap: int = GAP) -> Image.Image:
    """Place the blocks row by row, `columns` in each."""
    rows = [blocks[start : start + columns] for start in range(0, len(blocks), columns)]
    return stack_vertically([beside(row, gap) for row in rows], gap)


def measured_table(blocks: Sequence[Image.Image], columns: int, gap: int = GAP) -> Image.Image:
    """Place the blocks row by row; each column is as wide as its widest block, each row as high as its highest."""
    widths = [max(block.width for block in blocks[column::columns]) for column in range(min(columns, len(blocks)))]
    rows = [blocks[start : start + columns] for start in range(0, len(blocks), columns)]
    heights = [max(block.height for block in row) for row in rows]
    size = (sum(widths) + gap * (len(widths) - 1), sum(heights) + gap * (len(rows) - 1))
    sheet = Image.new("RGB", size, BACKGROUND)
    for row, blocks_of_row in enumerate(rows):
        top = sum(heights[:row]) + gap * row
        for column, block in enumerate(blocks_of_row):
            sheet.paste(block, (sum(widths[:column]) + gap * column, top))
    return sheet


def with_margin(block: Image.Image, margin: int = GAP) -> Image.Image:
    """Add a margin on all sides."""
    sheet = Image.new("RGB", (block.width + 2 * margin, block.height + 2 * margin), BACKGROUND)
    sheet.paste(block, (margin, margin))
    return sheet


def captioned(image: Image.Image, text: str, size: int = DEFAULT_SIZE, height: int = 0) -> Image.Image:
    """Place an image below its caption, which is at least `height` pixels high."""
    text_image = caption(text, image.width, size)
    return stack_vertically([at_least(text_image, height), image], 0)


def captioned_row(images: Sequence[Image.Image], texts: Sequence[str], size: int = DEFAULT_SIZE) -> list[Image.Image]:
    """Place images below their captions, all as high as the highest caption, so that the images are level."""
    pairs = list(zip(images, texts, strict=True))
    height = max((caption(text, image.width, size).height for image, text in pairs), default=0)
    return [captioned(image, text, size, height) for image, text in pairs]


def fitted(image: Image.Image, width: int, height: int) -> Image.Image:
    """Scale an image to fit width x height, centred on background of exactly that size, with a thin border."""
    scale = min(width / image.width, height / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return on_background(image.resize(size, Image.Resampling.LANCZOS), width, height)


def on_background(image: Image.Image, width: int, height: int) -> Image.Image:
    """Centre an image on background of this size, with a thin border that marks where black images end."""
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    left, top = (width - image.width) // 2, (height - image.height) // 2
    sheet.paste(image, (left, top))
    ImageDraw.Draw(sheet).rectangle((left, top, left + image.width - 1, top + image.height - 1), outline=FAINT)
    return sheet


def empty(width: int, height: int) -> Image.Image:
    """Return a placeholder for a missing image."""
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    ImageDraw.Draw(sheet).line((width // 3, height // 2, 2 * width // 3, height // 2), fill=FAINT)
    return sheet


def at_least(block: Image.Image, height: int) -> Image.Image:
    """Extend the block downwards to `height`, if it is lower."""
    if block.height >= height:
        return block
    sheet = Image.new("RGB", (block.width, height), BACKGROUND)
    sheet.paste(block, (0, 0))
    return sheet
