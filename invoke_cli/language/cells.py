"""The width of text in the cells of a terminal, in which some characters take two and some none."""

from __future__ import annotations

import unicodedata


def cell_width(text: str) -> int:
    """Return the number of cells that a text without control characters takes."""
    return sum(map(_width, text))


def clipped(text: str, width: int) -> str:
    """Return a text that takes at most `width` cells; one that is cut ends with an ellipsis."""
    if cell_width(text) <= width:
        return text
    taken, end = 0, 0
    for character in text:
        taken += _width(character)
        if taken > width - 1:
            break
        end += 1
    return f"{text[:end].rstrip()}…"


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
