"""Words in pictures: captions wrapped to their width and never cut, light on a dark paper of their own."""

from __future__ import annotations

import contextlib
import unicodedata

from PIL import Image, ImageDraw, ImageFont

PAPER, INK, FAINT = (24, 24, 24), (228, 228, 228), (96, 96, 96)
USUAL_SIZE = 14
MIN_SIZE = 10
_MARGIN = 2

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Pillow's own font draws little beyond ASCII; for more, these are tried where the system has them.
_SYSTEM_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "arial.ttf", "Arial Unicode.ttf", "NotoSansCJK-Regular.ttc")


def font_for(text: str, size: int) -> Font:
    """The font, `size` pixels high, that can draw the most of the text."""
    plain = ImageFont.load_default(size=size)
    if text.isascii():
        return plain
    found: list[Font] = [plain]
    for name in _SYSTEM_FONTS:
        with contextlib.suppress(OSError):
            found.append(ImageFont.truetype(name, size))
    return min(found, key=lambda font: len(_missing(text, font)))


def line_height(size: int) -> int:
    """How far apart lines of this size stand, in pixels."""
    return round(size * 1.3)


def length(text: str, font: Font) -> int:
    """How many pixels a line of text is wide."""
    return round(font.getlength(text) + 0.5)


def wrapped(text: str, width: int, size: int = USUAL_SIZE) -> list[str]:
    """The text in lines of at most `width` pixels, broken at blanks and, where a word is too long, inside it."""
    font = font_for(text, size)
    lines: list[str] = []
    for paragraph in text.split("\n"):
        current = ""
        for word in _breakable(drawable(paragraph, font), width, font):
            joined = f"{current} {word}" if current else word
            if current and length(joined, font) > width - 2 * _MARGIN:
                lines.append(current)
                joined = word
            current = joined
        lines.append(current)
    return lines


def caption(text: str, width: int, size: int = USUAL_SIZE) -> Image.Image:
    """The text as a picture of just this width, as high as its lines need."""
    lines = wrapped(text, width, size)
    block = Image.new("RGB", (width, len(lines) * line_height(size) + 2 * _MARGIN), PAPER)
    pen, font = ImageDraw.Draw(block), font_for(text, size)
    for number, line in enumerate(lines):
        pen.text((_MARGIN, _MARGIN + number * line_height(size)), line, fill=INK, font=font)
    return block


def drawable(text: str, font: Font) -> str:
    """The text with the signs that the font cannot draw as their plain letters, else as their code points."""
    missing = _missing(text, font)
    return "".join(_replaced(sign) if sign in missing else sign for sign in text)


def _replaced(sign: str) -> str:
    plain = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode("ascii")
    return plain or f"<{ord(sign):X}>"


def _missing(text: str, font: Font) -> set[str]:
    """The signs of the text that the font draws as it draws one that no font has."""
    unknown = _drawn("\U0010fffe", font)
    return {sign for sign in text if not sign.isascii() and not sign.isspace() and _drawn(sign, font) == unknown}


def _drawn(sign: str, font: Font) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(sign)
    return mask.size, bytes(mask)


def _breakable(text: str, width: int, font: Font) -> list[str]:
    """The words, those that are wider than `width` in pieces that are not."""
    pieces: list[str] = []
    for word in text.split():
        piece = ""
        for sign in word:
            if piece and length(piece + sign, font) > width - 2 * _MARGIN:
                pieces.append(piece)
                piece = ""
            piece += sign
        pieces.append(piece)
    return pieces
