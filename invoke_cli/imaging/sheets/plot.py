"""A chart of horizontal bars, as an image and as text: which of the scheduled steps each strength takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from invoke_cli.imaging.sheets.captions import BACKGROUND, FAINT, INK, font_for, length

WIDTH, HEIGHT = 960, 600
LEFT, RIGHT, TOP, BOTTOM = 90, 130, 60, 70
TEXT_WIDTH = 50
_BAR = (94, 160, 220)
_REST = (52, 56, 62)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One bar, from `begin` to `end` on the axis, with a label at the left and a note at the right."""

    label: str
    begin: int
    end: int
    note: str


def chart(bars: Sequence[Bar], title: str, axes: tuple[str, str], limit: int) -> Image.Image:
    """Render the bars as an image, the last one at the top; the axis reaches from 0 to `limit`."""
    sheet = Image.new("RGB", (WIDTH, HEIGHT), BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    _write(pen, title, (WIDTH // 2, TOP // 2), 20)
    _write(pen, axes[0], ((LEFT + WIDTH - RIGHT) // 2, HEIGHT - 18), 15)
    _write(pen, axes[1], (LEFT // 2, TOP - 12), 15)
    _ticks(pen, limit)
    bar_height = (HEIGHT - TOP - BOTTOM) / len(bars)
    for place, bar in enumerate(reversed(bars)):
        upper, lower = round(TOP + (place + 0.15) * bar_height), round(TOP + (place + 0.85) * bar_height)
        middle = (upper + lower) // 2
        pen.rectangle((across(0, limit), upper, across(limit, limit), lower), fill=_REST)
        if bar.end > bar.begin:
            pen.rectangle((across(bar.begin, limit), upper, across(bar.end, limit), lower), fill=_BAR)
        _write(pen, bar.label, (LEFT // 2, middle), 15)
        _write(pen, bar.note, (WIDTH - RIGHT // 2, middle), 15)
    pen.rectangle((across(0, limit), TOP, across(limit, limit), HEIGHT - BOTTOM), outline=FAINT)
    return sheet


def across(value: int, limit: int) -> int:
    """Return the horizontal position of a value, in pixels from the left."""
    return LEFT + round(value / limit * (WIDTH - LEFT - RIGHT))


def chart_text(bars: Sequence[Bar], limit: int) -> str:
    """Render the bars as lines of ASCII, the last one at the top, over an axis from 0 to `limit`."""
    lines = []
    for bar in reversed(bars):
        begin, end = (round(value / limit * TEXT_WIDTH) for value in (bar.begin, bar.end))
        filled = "." * begin + "#" * (end - begin) + "." * (TEXT_WIDTH - end)
        lines.append(f"{bar.label:>4} |{filled}| {bar.note}")
    axis = f"{'':>4} 0{limit!s:>{TEXT_WIDTH + 1}}"
    return "\n".join([*lines, axis])


def _ticks(pen: ImageDraw.ImageDraw, limit: int) -> None:
    count = min(limit, 10)
    for value in sorted({round(limit * place / count) for place in range(count + 1)}):
        x = across(value, limit)
        pen.line((x, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 6), fill=FAINT)
        _write(pen, str(value), (x, HEIGHT - BOTTOM + 18), 14)


def _write(pen: ImageDraw.ImageDraw, text: str, middle: tuple[int, int], size: int) -> None:
    font = font_for(text, size)
    pen.text((middle[0] - length(text, font) // 2, middle[1] - size // 2 - 2), text, fill=INK, font=font)
