"""A chart of lines over numbers: a tick at each place that was measured, the values beside the points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from invoke_cli.imaging.sheets.captions import BACKGROUND, FAINT, INK, drawable, font_for, length, line_height

LEFT, RIGHT, TOP, BOTTOM = 56, 32, 48, 48
_SIZE = 13
_RADIUS = 4
_Y_TICKS = 5
_STEPS = (1, 2, 5, 10)
_COLOURS = ((94, 160, 220), (230, 159, 64), (120, 190, 110), (214, 110, 140), (170, 140, 220), (200, 200, 110))


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """A line of the chart: its name, and its points from left to right."""

    label: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Axes:
    """The plane of a chart of `width` x `height` pixels, which begins at 0 on both axes."""

    width: int
    height: int
    most_x: float
    most_y: float

    def place(self, x: float, y: float) -> tuple[int, int]:
        """Return the pixel of a point."""
        across = LEFT + x / self.most_x * (self.width - LEFT - RIGHT)
        down = self.height - BOTTOM - y / self.most_y * (self.height - TOP - BOTTOM)
        return round(across), round(down)


def line_chart(series: Sequence[Series], title: str, x_name: str, size: tuple[int, int]) -> Image.Image:
    """Render the lines; the horizontal axis has a tick at each of their points."""
    width, height = size
    legend = [each.label for each in series] if len(series) > 1 else []
    sheet = Image.new("RGB", (width, height + len(legend) * line_height(_SIZE)), BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    points = [point for each in series for point in each.points]
    step = _tick_step(max(y for _, y in points))
    axes = _axes(points, step, size)
    _text(pen, title, (width // 2, TOP // 2), 15)
    _text(pen, x_name, ((LEFT + width - RIGHT) // 2, height - 10), _SIZE)
    _horizontal_ticks(pen, axes, step)
    _vertical_ticks(pen, axes, sorted({x for x, _ in points}))
    for number, each in enumerate(series):
        _line(pen, axes, each, _COLOURS[number % len(_COLOURS)], with_values=not legend)
    for number, label in enumerate(legend):
        _legend(pen, label, height + number * line_height(_SIZE), _COLOURS[number % len(_COLOURS)])
    return sheet


def _axes(points: Sequence[tuple[float, float]], step: float, size: tuple[int, int]) -> Axes:
    """Return axes that reach from 0 to the point furthest to the right, and to the tick above the highest."""
    most_x, highest = max(x for x, _ in points), max(y for _, y in points)
    return Axes(width=size[0], height=size[1], most_x=most_x, most_y=max(1, math.ceil(highest / step)) * step)


def _tick_step(most: float) -> float:
    """Return a round distance between ticks, with which about five reach the largest value."""
    rough = max(most, 1e-9) / _Y_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in _STEPS if step * power >= rough * 0.999)


def _horizontal_ticks(pen: ImageDraw.ImageDraw, axes: Axes, step: float) -> None:
    for number in range(round(axes.most_y / step) + 1):
        left, down = axes.place(0, number * step)
        pen.line((left, down, axes.width - RIGHT, down), fill=FAINT if number == 0 else (52, 56, 62))
        _text(pen, f"{number * step:g}", (left - 24, down), _SIZE)


def _vertical_ticks(pen: ImageDraw.ImageDraw, axes: Axes, values: Sequence[float]) -> None:
    for value in values:
        across, down = axes.place(value, 0)
        pen.line((across, down, across, down + 6), fill=FAINT)
        _text(pen, f"{value:g}", (across, down + 16), _SIZE)


def _line(
    pen: ImageDraw.ImageDraw, axes: Axes, series: Series, colour: tuple[int, int, int], *, with_values: bool
) -> None:
    places = [axes.place(*point) for point in series.points]
    pen.line(places, fill=colour, width=2)
    for (across, down), (_, value) in zip(places, series.points, strict=True):
        pen.ellipse((across - _RADIUS, down - _RADIUS, across + _RADIUS, down + _RADIUS), fill=colour)
        if with_values:
            _text(pen, f"{value:.1f}", (across, down - 14), _SIZE)


def _legend(pen: ImageDraw.ImageDraw, label: str, top: int, colour: tuple[int, int, int]) -> None:
    middle = top + line_height(_SIZE) // 2
    pen.line((LEFT, middle, LEFT + 24, middle), fill=colour, width=3)
    font = font_for(label, _SIZE)
    pen.text((LEFT + 32, top), drawable(label, font), fill=INK, font=font)


def _text(pen: ImageDraw.ImageDraw, text: str, middle: tuple[int, int], size: int) -> None:
    font = font_for(text, size)
    place = (middle[0] - length(text, font) // 2, middle[1] - size // 2 - 2)
    pen.text(place, text, fill=INK, font=font, stroke_width=2, stroke_fill=BACKGROUND)
