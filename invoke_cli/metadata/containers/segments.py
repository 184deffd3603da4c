"""Read the text of JPEG, WebP and GIF files: EXIF, XMP and comments. Truncated files yield what is complete.

Layouts: JPEG (ITU T.81, B.1.1: marker, length, body), WebP (RIFF: name, little-endian length, body padded to even), GIF
(89a: blocks of sub-blocks).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from invoke_cli.metadata.containers.exif import MAX_EXIF, read_exif
from invoke_cli.metadata.containers.png import MAX_TEXT, latin_1_or_utf_8
from invoke_cli.metadata.containers.xmp import KEYWORD as XMP

COMMENT = "comment"
JPEG_START = b"\xff\xd8\xff"

_XMP_START = b"http://ns.adobe.com/xap/1.0/\0"
_MAX_PARTS = 10_000


def jpeg_text(data: bytes) -> dict[str, str]:
    """Return EXIF, XMP and the comment of a JPEG file, the first of each."""
    found: dict[str, str] = {}
    for marker, body in _segments(data):
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            found = {**read_exif(body), **found}
        elif marker == 0xE1 and body.startswith(_XMP_START):
            found.setdefault(XMP, body[len(_XMP_START) :].decode("utf-8", errors="replace"))
        elif marker == 0xFE:
            found.setdefault(COMMENT, latin_1_or_utf_8(body).strip("\0"))
    return found


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and body of each segment before the pixels."""
    position = 2
    for _ in range(_MAX_PARTS):
        while data[position : position + 2] == b"\xff\xff":
            position += 1
        if position + 4 > len(data) or data[position] != 0xFF or data[position + 1] in (0xDA, 0xD9):
            return
        (length,) = struct.unpack_from(">H", data, position + 2)
        if length < 2 or position + 2 + length > len(data):
            return
        yield data[position + 1], data[position + 4 : position + 2 + length]
        position += 2 + length


def webp_text(data: bytes) -> dict[str, str]:
    """Return EXIF and XMP of a WebP file."""
    found: dict[str, str] = {}
    position = 12
    for _ in range(_MAX_PARTS):
        if position + 8 > len(data):
            break
        name, length = struct.unpack_from("<4sI", data, position)
        if position + 8 + length > len(data):
            break
        body = data[position + 8 : position + 8 + length] if length <= max(MAX_TEXT, MAX_EXIF) else b""
        if name == b"EXIF":
            found = {**read_exif(body), **found}
        elif name == b"XMP ":
            found.setdefault(XMP, body.decode("utf-8", errors="replace"))
        position += 8 + length + length % 2
    return found


def gif_text(data: bytes) -> dict[str, str]:
    """Return the first comment of a GIF file, if it precedes the pixels."""
    if len(data) < 13:
        return {}
    position = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    for _ in range(_MAX_PARTS):
        if data[position : position + 1] != b"!":
            break
        kind = data[position + 1 : position + 2]
        body, position = _sub_blocks(data, position + 2)
        if kind == b"\xfe":
            return {COMMENT: latin_1_or_utf_8(body)}
    return {}


def _sub_blocks(data: bytes, position: int) -> tuple[bytes, int]:
    parts: list[bytes] = []
    while position < len(data) and data[position] and len(parts) < MAX_TEXT // 255:
        parts.append(data[position + 1 : position + 1 + data[position]])
        position += 1 + data[position]
    return b"".join(parts), position + 1
