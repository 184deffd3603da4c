"""Image files built byte by byte, following the descriptions of their formats, with texts where programs write them."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from invoke_cli.imaging.png_chunks import SIGNATURE

WIDTH, HEIGHT = 48, 32
USER_COMMENT = 0x9286


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*texts: bytes, after: bytes = b"", rgba: NDArray[np.uint8] | None = None) -> bytes:
    """Return a whole PNG with these chunks before its pixels: grey, or the given ones (height, width, 4)."""
    pixels = np.full((HEIGHT, WIDTH, 3), 128, np.uint8) if rgba is None else rgba
    height, width, bands = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if bands == 3 else 6, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    data = chunk(b"IDAT", zlib.compress(rows))
    return SIGNATURE + chunk(b"IHDR", header) + b"".join(texts) + data + after + chunk(b"IEND", b"")


def text(keyword: str, words: str) -> bytes:
    """Return a text chunk of the kind that Pillow would choose: Latin-1 if possible, else international."""
    try:
        return chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + words.encode("latin-1"))
    except UnicodeEncodeError:
        return chunk(b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + words.encode())


def png_of(texts: Mapping[str, str]) -> bytes:
    """Return a PNG with these texts."""
    return png(*(text(keyword, words) for keyword, words in texts.items()))


def exif(tags: Mapping[int, bytes], *, order: str = ">", inner: Mapping[int, bytes] | None = None) -> bytes:
    """Return an EXIF block: a first IFD with these tags, and an Exif IFD with the inner ones."""
    start = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(f"{order}I", 8)
    inner_tags = dict(inner or {})
    entries = len(tags) + bool(inner_tags)
    first = _folder(tags, order, 8, pointer=8 + 2 + 12 * entries + 4 + sum(map(_padded, tags.values())) if inner else 0)
    second = _folder(inner_tags, order, 8 + len(first)) if inner_tags else b""
    return start + first + second


def _padded(value: bytes) -> int:
    return len(value) + len(value) % 2 if len(value) > 4 else 0


def _folder(tags: Mapping[int, bytes], order: str, offset: int, pointer: int = 0) -> bytes:
    rows = [(tag, 7, value) for tag, value in tags.items()]
    count = len(rows) + bool(pointer)
    place = offset + 2 + 12 * count + 4
    head, tail = struct.pack(f"{order}H", count), b""
    for tag, kind, value in rows:
        if len(value) <= 4:
            where = value.ljust(4, b"\0")
        else:
            where = struct.pack(f"{order}I", place + len(tail))
            tail += value + b"\0" * (len(value) % 2)
        head += struct.pack(f"{order}HHI", tag, kind, len(value)) + where
    if pointer:
        head += struct.pack(f"{order}HHII", 0x8769, 4, 1, pointer)
    return head + b"\0\0\0\0" + tail


def unicode_comment(words: str, encoding: str = "utf-16-be") -> bytes:
    """Return a user comment marked as Unicode."""
    return b"UNICODE\0" + words.encode(encoding)


def jpeg(*, exif_block: bytes = b"", xmp: str = "", comment: bytes = b"") -> bytes:
    """Return the head of a JPEG file: its segments, up to where the pixels would begin."""
    parts = [b"\xff\xd8", b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0" + b"\0" * 9]
    if exif_block:
        parts.append(_segment(0xE1, b"Exif\0\0" + exif_block))
    if xmp:
        parts.append(_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp.encode()))
    if comment:
        parts.append(_segment(0xFE, comment))
    return b"".join([*parts, b"\xff\xda\0\2", b"\0" * 20, b"\xff\xd9"])


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def webp(*, exif_block: bytes = b"", xmp: str = "") -> bytes:
    """Return the chunks of a WebP file without its pixels."""
    parts = [(b"VP8X", b"\0" * 10)]
    if exif_block:
        parts.append((b"EXIF", exif_block))
    if xmp:
        parts.append((b"XMP ", xmp.encode()))
    body = b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in parts)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def gif(comment: bytes) -> bytes:
    """Return the head of a GIF file with a comment."""
    pieces = [comment[at : at + 255] for at in range(0, len(comment), 255)]
    blocks = b"".join(bytes([len(piece)]) + piece for piece in pieces)
    return b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0x80, 0, 0) + b"\0" * 6 + b"!\xfe" + blocks + b"\0"


def stealth(words: str, *, packed: bool = True, colours: bool = False, side: int = 96) -> bytes:
    """Return a PNG with text in the lowest bits of its alpha channel or colours, column by column."""
    name = f"stealth_{'rgb' if colours else 'png'}{'comp' if packed else 'info'}".encode()
    data = gzip.compress(words.encode()) if packed else words.encode()
    hidden = np.unpackbits(np.frombuffer(name + struct.pack(">I", len(data) * 8) + data, np.uint8))
    bands = 3 if colours else 1
    layer = np.full(side * side * bands, 254, np.uint8)
    hidden = hidden[: len(layer)]
    layer[: len(hidden)] |= hidden
    placed = layer.reshape(side, side, bands).transpose(1, 0, 2)  # columns first, y fastest
    rgba = np.full((side, side, 4), 255, np.uint8)
    rgba[:, :, :3] = placed if colours else 90
    if not colours:
        rgba[:, :, 3] = placed[:, :, 0]
    return png(rgba=rgba)
