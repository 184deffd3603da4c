"""Read the text of a PNG file: Latin-1 or UTF-8, compressed or not, before or after the pixels.

PNG specification, section 11.3.3.
"""

from __future__ import annotations

from invoke_cli.imaging.png_chunks import TEXT_KINDS, inflate, walk
from invoke_cli.metadata.containers.exif import read_exif

MAX_TEXT = 4_000_000
MAX_TEXT_OF_ALL = 16_000_000


def png_text(data: bytes) -> dict[str, str]:
    """Return the text chunks by keyword, the first of each, and the texts of an EXIF chunk."""
    texts: dict[str, str] = {}
    budget = MAX_TEXT_OF_ALL
    for chunk in walk(data):
        if chunk.end - chunk.start > MAX_TEXT:
            continue
        if chunk.kind == b"eXIf":
            texts = {**read_exif(data[chunk.start : chunk.end]), **texts}
        elif chunk.kind in TEXT_KINDS and budget > 0:
            keyword, text = _text(chunk.kind, data[chunk.start : chunk.end], min(budget, MAX_TEXT))
            budget -= len(text or "")
            if text is not None and keyword not in texts:
                texts[keyword] = text
    return texts


def _text(kind: bytes, body: bytes, budget: int) -> tuple[str, str | None]:
    """Return keyword and text; None for the text if it is invalid or larger than `budget`."""
    name, separator, rest = body.partition(b"\0")
    keyword = name.decode("latin-1")
    if not separator or not 0 < len(name) < 80:
        return keyword, None
    if kind == b"tEXt":
        return keyword, latin_1_or_utf_8(rest)
    if kind == b"zTXt":
        text = inflate(rest[1:], budget)
        return keyword, None if text is None else latin_1_or_utf_8(text)
    return keyword, _international(rest, budget)


def _international(rest: bytes, budget: int) -> str | None:
    parts = rest[2:].split(b"\0", 2)
    if len(rest) < 2 or len(parts) != 3:
        return None
    text = inflate(parts[2], budget) if rest[0] else parts[2]
    return None if text is None else text.decode("utf-8", errors="replace")


def latin_1_or_utf_8(data: bytes) -> str:
    """Decode as UTF-8 if valid (some programs write it against the standard), otherwise as Latin-1."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
