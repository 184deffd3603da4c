"""Read the text of an EXIF block: the few tags in which programs store their settings.

A parser of our own, since every entry may refer to any part of the block: a library that copies what each entry refers
to can be made to copy gigabytes. This one reads only the tags it knows. TIFF 6.0, section 2; EXIF 2.32.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

PREFIX = "EXIF:"
MAX_EXIF = 4_000_000

_TAGS: Mapping[int, str] = {
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    0x927C: "MakerNote",
    0x9286: "UserComment",
}
_EXIF_DIRECTORY = 0x8769
_MAX_ENTRIES = 1_000
_TEXT_TYPES = (1, 2, 7)  # byte, ASCII, undefined: one byte each


def read_exif(data: bytes) -> dict[str, str]:
    """Return the known texts by `EXIF:` and the tag's name; empty if `data` is not an EXIF block."""
    block = data.removeprefix(b"Exif\0\0")[:MAX_EXIF]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return {}
    found: dict[str, str] = {}
    for tag, kind, count, position in _all_entries(block, order):
        if tag in _TAGS and kind in _TEXT_TYPES:
            start = position if count <= 4 else struct.unpack_from(f"{order}I", block, position)[0]
            is_complete = start + count <= len(block)
            text = comment_text(block[start : start + count], order) if is_complete else ""
            if text.strip():
                found.setdefault(PREFIX + _TAGS[tag], text)
    return found


def _all_entries(block: bytes, order: str) -> Iterator[tuple[int, int, int, int]]:
    """Yield the entries of the first directory, then those of the EXIF directory that it refers to."""
    directories = [struct.unpack_from(f"{order}I", block, 4)[0]]
    for offset in directories:
        for tag, kind, count, position in _entries(block, offset, order):
            if tag == _EXIF_DIRECTORY and kind == 4 and len(directories) < 2:
                directories.append(struct.unpack_from(f"{order}I", block, position)[0])
            else:
                yield tag, kind, count, position


def _entries(block: bytes, offset: int, order: str) -> Iterator[tuple[int, int, int, int]]:
    """Yield tag, type, count and the position of the value (or of its offset) of each entry of a directory."""
    if offset + 2 > len(block):
        return
    (count,) = struct.unpack_from(f"{order}H", block, offset)
    for index in range(min(count, _MAX_ENTRIES)):
        position = offset + 2 + 12 * index
        if position + 12 > len(block):
            return
        tag, kind, values = struct.unpack_from(f"{order}HHI", block, position)
        yield tag, kind, values, position + 8


def comment_text(data: bytes, order: str = ">") -> str:
    """Decode a comment. Its first eight bytes may name the character set, but often wrongly."""
    body = data
    for prefix in (b"UNICODE\0", b"Unicode\0", b"ASCII\0\0\0", b"\0" * 8):
        if data.startswith(prefix):
            body = data[len(prefix) :]
            break
    for encoding in _encodings(body, order):
        try:
            return body.decode(encoding).strip("\0\ufeff")
        except UnicodeDecodeError:
            continue
    return body.decode("latin-1").strip("\0")


def _encodings(body: bytes, order: str) -> Iterator[str]:
    """Yield candidate encodings, the likeliest first. UTF-16 shows by its NUL bytes at even or odd positions."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        yield "utf-16"
    sample = body.rstrip(b"\0")[:400]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) > len(sample) // 16:
        yield "utf-16-be" if even > odd else "utf-16-le"
    yield "utf-8"
    # Chinese or Japanese text has no NUL bytes in UTF-16.
    yield "utf-16-le" if order == "<" else "utf-16-be"
