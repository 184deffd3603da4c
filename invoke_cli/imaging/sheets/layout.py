"""Putting pictures together: beside each other, below each other, in a table, each with its caption above it."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from invoke_cli.imaging.sheets.lettering import FAINT, PAPER, USUAL_SIZE, caption

GAP = 4


def beside(blocks: Sequence[Image.Image], gap: int = GAP) -> Image.Image:
    """The blocks in a row, their upper edges level."""
    width = sum(block.width for block in blocks) + gap * (len(blocks) - 1)
    sheet = Image.new("RGB", (width, max(block.height for block in blocks)), PAPER)
    left = 0
    for block in blocks:
        sheet.paste(block, (left, 0))
        left += block.width + gap
    return sheet


def stacked(blocks: Sequence[Image.Image], gap: int = GAP) -> Image.Image:
    """The blocks below each other, their left edges level."""
    height = sum(block.height for block in blocks) + gap * (len(blocks) - 1)
    sheet = Image.new("RGB", (max(block.width for block in blocks), height), PAPER)
    top = 0
    for block in blocks:
        sheet.paste(block, (0, top))
        top += block.height + gap
    return sheet


def table(blocks: Sequence[Image.Image], columns: int, gap: int = GAP) -> Image.Image:
    """The blocks row by row, `columns` in each."""
    rows = [blocks[start : start + columns] for start in range(0, len(blocks), columns)]
    return stacked([beside(row, gap) for row in rows], gap)


def with_margin(block: Image.Image, margin: int = GAP) -> Image.Image:
    """The block with paper on all sides."""
    sheet = Image.new("RGB", (block.width + 2 * margin, block.height + 2 * margin), PAPER)
    sheet.paste(block, (margin, margin))
    return sheet


def captioned(picture: Image.Image, text: str, size: int = USUAL_SIZE, height: int = 0) -> Image.Image:
    """A picture under its caption, which takes at least `height` pixels."""
    words = caption(text, picture.width, size)
    return stacked([at_least(words, height), picture], 0)


def captioned_row(pictures: Sequence[Image.Image], texts: Sequence[str], size: int = USUAL_SIZE) -> list[Image.Image]:
    """Pictures under their captions, all of which take as much room as the longest, so that the pictures are level."""
    pairs = list(zip(pictures, texts, strict=True))
    height = max((caption(text, picture.width, size).height for picture, text in pairs), default=0)
    return [captioned(picture, text, size, height) for picture, text in pairs]


def fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The picture as large as it can be within width x height, on paper of just that size, with a thin edge."""
    scale = min(width / picture.width, height / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return on_paper(picture.resize(size, Image.Resampling.LANCZOS), width, height)


def on_paper(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The picture in the middle of a paper of this size, with a thin edge so that black ends where it ends."""
    sheet = Image.new("RGB", (width, height), PAPER)
    left, top = (width - picture.width) // 2, (height - picture.height) // 2
    sheet.paste(picture, (left, top))
    ImageDraw.Draw(sheet).rectangle((left, top, left + picture.width - 1, top + picture.height - 1), outline=FAINT)
    return sheet


def empty(width: int, height: int) -> Image.Image:
    """The place of a picture that is not there."""
    sheet = Image.new("RGB", (width, height), PAPER)
    ImageDraw.Draw(sheet).line((width // 3, height // 2, 2 * width // 3, height // 2), fill=FAINT)
    return sheet


def at_least(block: Image.Image, height: int) -> Image.Image:
    """The block with paper below it, where it is lower than `height`."""
    if block.height >= height:
        return block
    sheet = Image.new("RGB", (block.width, height), PAPER)
    sheet.paste(block, (0, 0))
    return sheet
