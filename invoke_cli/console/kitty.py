"""Render an image in kitty's graphics protocol with Unicode placeholders.

The placeholder characters (U+10EEEE) identify the image by their colour, and their row and column by combining
diacritics. tmux and the prompt move and erase them like any other text, which an image placed at the cursor would not
survive.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from invoke_cli.console.rendered_image import RenderedImage
from invoke_cli.console.terminal import Terminal
from invoke_cli.console.terminal_queries import wrap_for_tmux

if TYPE_CHECKING:
    from PIL import Image

PLACEHOLDER = "\U0010eeee"
# The protocol's diacritics for the numbers from 0.
MARKS = (
    "\u0305\u030d\u030e\u0310\u0312\u033d\u033e\u033f\u0346\u034a\u034b\u034c\u0350\u0351\u0352\u0357\u035b\u0363"
    "\u0364\u0365\u0366\u0367\u0368\u0369\u036a\u036b\u036c\u036d\u036e\u036f\u0483\u0484\u0485\u0486\u0487"
)
NUMBERS = 255 * len(MARKS)
_CHUNK = 4096


def render_kitty(image: Image.Image, columns: int, rows: int, terminal: Terminal, number: int = 0) -> RenderedImage:
    """Render an image; it replaces an earlier one with the same number (0 to NUMBERS - 1).

    The image ID is a palette colour and a diacritic, since some versions of tmux do not pass 24-bit colours through.
    """
    colour, mark = 1 + number % 255, number // 255 % len(MARKS)
    transmission = "".join(_transmit(png_bytes(image), columns, rows, mark << 24 | colour, wrapped=terminal.wrapped))
    # A placeholder without diacritics continues the row of the one to its left.
    lines = (
        f"\x1b[38;5;{colour}m{PLACEHOLDER}{row}{MARKS[0]}{MARKS[mark]}{PLACEHOLDER * (columns - 1)}\x1b[39m"
        for row in MARKS[:rows]
    )
    return RenderedImage(columns=columns, rows=rows, before=transmission, lines=tuple(lines))


def _transmit(data: bytes, columns: int, rows: int, identity: int, *, wrapped: bool) -> Iterator[str]:
    """Yield the image data in chunks; only the first has the control data. q=2: the terminal does not answer."""
    text = base64.standard_b64encode(data).decode()
    for start in range(0, len(text), _CHUNK):
        has_more = int(start + _CHUNK < len(text))
        control_data = f"a=T,U=1,q=2,f=100,i={identity},c={columns},r={rows}," if start == 0 else ""
        chunk = f"\x1b_G{control_data}m={has_more};{text[start : start + _CHUNK]}\x1b\\"
        yield wrap_for_tmux(chunk) if wrapped else chunk


def png_bytes(image: Image.Image) -> bytes:
    """Encode an image as PNG, for speed rather than size."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
