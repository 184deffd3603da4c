"""Render an image as sixels: bands of six rows, drawn colour by colour from a palette."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from invoke_cli.console.rendered_image import RenderedImage
from invoke_cli.console.terminal import Terminal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

COLOURS = 64
BAND = 6
_RUN = re.compile(rb"(.)\1{3,}", re.DOTALL)


def render_sixel(image: Image.Image, columns: int, rows: int, terminal: Terminal, number: int = 0) -> RenderedImage:  # noqa: ARG001
    """Render an image scaled to its cells, in whole bands, so that it does not extend into the row below."""
    from PIL import Image

    width = columns * terminal.cell[0]
    height = max(BAND, rows * terminal.cell[1] // BAND * BAND)
    sized = image.resize((width, height), Image.Resampling.BILINEAR)
    return RenderedImage(columns=columns, rows=rows, image=sixels(sized))


def sixels(image: Image.Image, colours: int = COLOURS) -> str:
    """Convert an RGB image to a sixel sequence with at most `colours` colours. Its height must be a multiple of six."""
    import numpy as np
    from PIL import Image

    quantised = image.quantize(colours, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette = np.asarray(quantised.getpalette(), dtype=np.float32).reshape(-1, 3)
    numbers = np.asarray(quantised)
    percent = (palette * 100 / 255).round().astype(int)
    used = np.unique(numbers)
    registers = "".join("#{};2;{};{};{}".format(number, *percent[number]) for number in used)
    bands = "-".join(_band(numbers[top : top + BAND]) for top in range(0, image.height, BAND))
    return f'\x1bP0;1;0q"1;1;{image.width};{image.height}{registers}{bands}\x1b\\'


def _band(rows: NDArray[np.uint8]) -> str:
    """Encode six rows, one colour after the other; `$` returns to the start of the band."""
    return "$".join(_colours(rows))


def _colours(rows: NDArray[np.uint8]) -> Iterator[str]:
    import numpy as np

    used = np.unique(rows)
    overlay = np.packbits(rows == used[:, None, None], axis=1, bitorder="little")[:, 0] + 63
    for number, characters in zip(used, overlay, strict=True):
        yield f"#{number}" + _RUN.sub(_run_length, characters.tobytes().rstrip(b"?")).decode()


def _run_length(match: re.Match[bytes]) -> bytes:
    return b"!%d%b" % (len(match[0]), match[1])
