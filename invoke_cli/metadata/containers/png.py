"""The text in a PNG file: Latin-1 or UTF-8, compressed or not, before or after the pixels.

Layout: PNG specification, section 11.3.3.
"""

from __future__ import annotations

from invoke_cli.imaging.png_chunks import TEXT_KINDS, inflated, walk
from invoke_cli.metadata.containers.exif import read_exif

MAX_TEXT = 4_000_000
MAX_TEXT_OF_ALL = 16_000_000


def png_text(data: bytes) -> dict[str, str]:
    """The text chunks by keyword, the first of each, and what an EXIF chunk says."""
    texts: dict[str, str] = {}
    room = MAX_TEXT_OF_ALL
    for chunk in walk(data):
        if chunk.end - chunk.start > MAX_TEXT:
            continue
        if chunk.kind == b"eXIf":
            texts = {**read_exif(data[chunk.start : chunk.end]), **texts}
        elif chunk.kind in TEXT_KINDS and room > 0:
            keyword, text = _text(chunk.kind, data[chunk.start : chunk.end], min(room, MAX_TEXT))
            room -= len(text or "")
            if text is not None and keyword not in texts:
                texts[keyword] = text
    return texts


def _text(kind: bytes, body: bytes, room: int) -> tuple[str, str | None]:
    """Keyword and text; None for the text when it cannot be read or is larger than `room`."""
    name, separator, rest = body.partition(b"\0")
    keyword = name.decode("latin-1")
    if not separator or not 0 < len(name) < 80:
        return keyword, None
    if kind == b"tEXt":
        return keyword, latin_1_or_utf_8(rest)
    if kind == b"zTXt":
        text = inflated(rest[1:], room)
        return keyword, None if text is None else latin_1_or_utf_8(text)
    return keyword, _international(rest, room)


def _international(rest: bytes, room: int) -> str | None:
    parts = rest[2:].split(b"\0", 2)
    if len(rest) < 2 or len(parts) != 3:
        return None
    text = inflated(parts[2], room) if rest[0] else parts[2]
    return None if text is None else text.decode("utf-8", errors="replace")


def latin_1_or_utf_8(data: bytes) -> str:
    """The text as UTF-8 where it is valid UTF-8 (some programs write that against the standard), else as Latin-1."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
