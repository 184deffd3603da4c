"""A preview as half blocks: each character is two pixels, the upper one its foreground, the lower its background."""

from __future__ import annotations

from collections.abc import Iterator

from invoke_cli.events import Preview

HALF = "▀"
MAX_COLUMNS = 32
Colour = tuple[int, int, int]


def rows(preview: Preview, columns: int = MAX_COLUMNS) -> Iterator[list[tuple[Colour, Colour]]]:
    """The upper and lower colour of each character, row by row, at most `columns` wide, aspect kept."""
    width = min(columns, preview.width)
    height = max(2, round(preview.height * width / preview.width)) // 2 * 2
    for top in range(0, height, 2):
        yield [
            (_pixel(preview, x, top, width, height), _pixel(preview, x, top + 1, width, height)) for x in range(width)
        ]


def _pixel(preview: Preview, x: int, y: int, width: int, height: int) -> Colour:
    """The nearest pixel of the preview for a place in a picture of width x height."""
    column = min(preview.width - 1, x * preview.width // width)
    row = min(preview.height - 1, y * preview.height // height)
    start = 3 * (row * preview.width + column)
    red, green, blue = preview.rgb[start : start + 3]
    return red, green, blue


def escapes(preview: Preview, columns: int = MAX_COLUMNS) -> list[str]:
    """The rows as terminal text with 24-bit colours."""
    return ["".join(map(_cell, row)) + "\x1b[0m" for row in rows(preview, columns)]


def _cell(colours: tuple[Colour, Colour]) -> str:
    (red, green, blue), (red2, green2, blue2) = colours
    return f"\x1b[38;2;{red};{green};{blue};48;2;{red2};{green2};{blue2}m{HALF}"
