"""Render text in images: captions wrapped to their width and never cut, light on a dark background."""

from __future__ import annotations

import contextlib
import unicodedata

from PIL import Image, ImageDraw, ImageFont

BACKGROUND, INK, FAINT = (24, 24, 24), (228, 228, 228), (96, 96, 96)
DEFAULT_SIZE = 14
MIN_SIZE = 10
_MARGIN = 2

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Pillow's own font has few glyphs beyond ASCII; for the others, these system fonts are tried.
_SYSTEM_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "arial.ttf", "Arial Unicode.ttf", "NotoSansCJK-Regular.ttc")


def font_for(text: str, size: int) -> Font:
    """Return the font of `size` pixels that has the most glyphs of the text."""
    plain = ImageFont.load_default(size=size)
    if text.isascii():
        return plain
    found: list[Font] = [plain]
    for name in _SYSTEM_FONTS:
        with contextlib.suppress(OSError):
            found.append(ImageFont.truetype(name, size))
    return min(found, key=lambda font: len(_missing(text, font)))


def line_height(size: int) -> int:
    """Return the distance between lines of this font size, in pixels."""
    return round(size * 1.3)


def length(text: str, font: Font) -> int:
    """Return the width of a line of text, in pixels."""
    return round(font.getlength(text) + 0.5)


def wrapped(text: str, width: int, size: int = DEFAULT_SIZE) -> list[str]:
    """Wrap text to lines of at most `width` pixels, at blanks or, if a word is too long, inside it."""
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


def caption(text: str, width: int, size: int = DEFAULT_SIZE) -> Image.Image:
    """Render text as an image of exactly this width, as high as its lines need."""
    lines = wrapped(text, width, size)
    block = Image.new("RGB", (width, len(lines) * line_height(size) + 2 * _MARGIN), BACKGROUND)
    pen, font = ImageDraw.Draw(block), font_for(text, size)
    for number, line in enumerate(lines):
        pen.text((_MARGIN, _MARGIN + number * line_height(size)), line, fill=INK, font=font)
    return block


def drawable(text: str, font: Font) -> str:
    """Replace characters that the font has no glyph for by plain letters, otherwise by their code points."""
    missing = _missing(text, font)
    return "".join(_replaced(character) if character in missing else character for character in text)


def _replaced(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode("ascii")
    return plain or f"<{ord(character):X}>"


def _missing(text: str, font: Font) -> set[str]:
    """Return the characters that the font renders like one that no font has."""
    unknown = _rendered("\U0010fffe", font)
    return {
        character
        for character in text
        if not character.isascii() and not character.isspace() and _rendered(character, font) == unknown
    }


def _rendered(character: str, font: Font) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)


def _breakable(text: str, width: int, font: Font) -> list[str]:
    """Split text into words; words wider than `width` are split into pieces."""
    pieces: list[str] = []
    for word in text.split():
        piece = ""
        for character in word:
            if piece and length(piece + character, font) > width - 2 * _MARGIN:
                pieces.append(piece)
                piece = ""
            piece += character
        pieces.append(piece)
    return pieces
