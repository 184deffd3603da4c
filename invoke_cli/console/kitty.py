"""A picture in kitty's graphics protocol. Characters keep its place, so that it scrolls and is erased as text is.

The characters (U+10EEEE) name the picture by their colour and, in marks above them, their row and column. tmux and the
prompt move them as any other text, which no picture put at the cursor would survive.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from invoke_cli.console.rendered_image import RenderedImage
from invoke_cli.console.terminal import Terminal
from invoke_cli.console.terminal_queries import through_tmux

if TYPE_CHECKING:
    from PIL import Image

PLACEHOLDER = "\U0010eeee"
# The protocol's own marks for the numbers from 0 on.
MARKS = (
    "\u0305\u030d\u030e\u0310\u0312\u033d\u033e\u033f\u0346\u034a\u034b\u034c\u0350\u0351\u0352\u0357\u035b\u0363"
    "\u0364\u0365\u0366\u0367\u0368\u0369\u036a\u036b\u036c\u036d\u036e\u036f\u0483\u0484\u0485\u0486\u0487"
)
NUMBERS = 255 * len(MARKS)
_CHUNK = 4096


def draw_kitty(image: Image.Image, columns: int, rows: int, terminal: Terminal, number: int = 0) -> RenderedImage:
    """The picture under this number (from 0, below NUMBERS), which replaces an earlier one of the same number.

    As an identity it is a colour of the palette and a mark: 24-bit colours do not get through every tmux.
    """
    colour, mark = 1 + number % 255, number // 255 % len(MARKS)
    sent = "".join(_sent(png_bytes(image), columns, rows, mark << 24 | colour, wrapped=terminal.wrapped))
    # Within a row a character without marks follows the one on its left.
    lines = (
        f"\x1b[38;5;{colour}m{PLACEHOLDER}{row}{MARKS[0]}{MARKS[mark]}{PLACEHOLDER * (columns - 1)}\x1b[39m"
        for row in MARKS[:rows]
    )
    return RenderedImage(columns=columns, rows=rows, before=sent, lines=tuple(lines))


def _sent(data: bytes, columns: int, rows: int, identity: int, *, wrapped: bool) -> Iterator[str]:
    """The picture in chunks; only the first says what it is. q=2: the terminal does not answer."""
    text = base64.standard_b64encode(data).decode()
    for start in range(0, len(text), _CHUNK):
        more = int(start + _CHUNK < len(text))
        about = f"a=T,U=1,q=2,f=100,i={identity},c={columns},r={rows}," if start == 0 else ""
        chunk = f"\x1b_G{about}m={more};{text[start : start + _CHUNK]}\x1b\\"
        yield through_tmux(chunk) if wrapped else chunk


def png_bytes(image: Image.Image) -> bytes:
    """The picture as a PNG, made fast rather than small."""
    made = io.BytesIO()
    image.save(made, format="PNG", compress_level=1)
    return made.getvalue()
