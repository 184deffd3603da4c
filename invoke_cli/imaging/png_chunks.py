"""Iterate over the chunks of a PNG file without an image library, so that a damaged or hostile file costs little.

PNG specification, section 5: length (4 bytes, big-endian), type, body, checksum.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 100_000
TEXT_KINDS = (b"tEXt", b"zTXt", b"iTXt")

_MAX_TEXT_OF_PILLOW = 2**20


class Chunk(NamedTuple):
    """A chunk: its type, and the start and end of its body in the data."""

    kind: bytes
    start: int
    end: int


def walk(data: bytes) -> Iterator[Chunk]:
    """Yield each chunk, up to IEND or the first that is truncated."""
    if not data.startswith(SIGNATURE):
        return
    position = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if position + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, position)
        if position + 8 + length > len(data) or kind == b"IEND":
            return
        yield Chunk(kind, position + 8, position + 8 + length)
        position += 12 + length


def inflate(data: bytes, max_size: int) -> bytes | None:
    """Decompress deflated data; None if it is damaged or larger than `max_size`."""
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, max_size)
    except zlib.error:
        return None
    return None if inflater.unconsumed_tail else text


def without_large_text(data: bytes) -> bytes:
    """Return PNG data without the text chunks that are too large for Pillow to open the image."""
    large = [chunk for chunk in walk(data) if chunk.kind in TEXT_KINDS and _is_large(data, chunk)]
    if not large:
        return data
    parts: list[bytes] = []
    position = 0
    for chunk in large:
        parts.append(data[position : chunk.start - 8])
        position = chunk.end + 4
    return b"".join([*parts, data[position:]])


def _is_large(data: bytes, chunk: Chunk) -> bool:
    body = data[chunk.start : chunk.end]
    if len(body) > _MAX_TEXT_OF_PILLOW:
        return True
    _, _, rest = body.partition(b"\0")
    if chunk.kind == b"iTXt":
        if not rest.startswith(b"\1"):
            return False
        rest = rest[2:].split(b"\0", 2)[-1]
    elif chunk.kind == b"zTXt":
        rest = rest[1:]
    else:
        return False
    return inflate(rest, _MAX_TEXT_OF_PILLOW) is None
