"""Render an image as half blocks: each character is two pixels, the upper in its foreground colour, the lower in its
background colour.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from invoke_cli.console.rendered_image import RenderedImage
from invoke_cli.console.terminal import TRUE_COLOUR, Terminal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

HALF = "▀"
# The 256-colour palette: a cube of six levels per channel from index 16, then 24 greys.
_LEVELS = (0, 95, 135, 175, 215, 255)


def render_blocks(image: Image.Image, columns: int, rows: int, terminal: Terminal, number: int = 0) -> RenderedImage:  # noqa: ARG001
    """Render an image, reduced to columns x (2 rows) pixels, in 24-bit colours or the nearest of 256."""
    from PIL import Image

    small = image.resize((columns, 2 * rows), Image.Resampling.BOX)
    codes = _colour_codes(small, true_colour=terminal.colours >= TRUE_COLOUR)
    pairs = zip(codes[::2], codes[1::2], strict=True)
    lines = tuple("".join(_characters(upper, lower)) + "\x1b[0m" for upper, lower in pairs)
    return RenderedImage(columns=columns, rows=rows, lines=lines)


def nearest(colours: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the palette indices nearest to RGB colours.

    Args:
        colours: uint8, shape (…, 3).

    Returns:
        Indices of the 256-colour palette, shape (…).
    """
    import numpy as np

    values = colours.astype(np.int64)
    levels = np.asarray(_LEVELS)
    cube = np.abs(values[..., None] - levels).argmin(axis=-1)
    grey = np.clip(np.rint((values.mean(axis=-1) - 8) / 10), 0, 23).astype(np.int64)
    in_cube = ((levels[cube] - values) ** 2).sum(axis=-1)
    in_greys = ((8 + 10 * grey[..., None] - values) ** 2).sum(axis=-1)
    numbers: NDArray[np.int64] = np.where(in_greys < in_cube, 232 + grey, 16 + cube @ np.asarray((36, 6, 1)))
    return numbers


def _colour_codes(image: Image.Image, *, true_colour: bool) -> list[list[str]]:
    """Return the SGR colour codes of the pixels, row by row."""
    import numpy as np

    pixels = np.asarray(image)
    if true_colour:
        return [["2;{};{};{}".format(*colour) for colour in row] for row in pixels.tolist()]
    return [[f"5;{number}" for number in row] for row in nearest(pixels).tolist()]


def _characters(upper: list[str], lower: list[str]) -> Iterator[str]:
    """Yield the characters of a row, with colour codes where the colour changes."""
    before = ("", "")
    for colours in zip(upper, lower, strict=True):
        codes = [f"{ground}8;{new}" for ground, new, old in zip("34", colours, before, strict=True) if new != old]
        before = colours
        yield (f"\x1b[{';'.join(codes)}m" if codes else "") + HALF
