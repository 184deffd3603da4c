"""The chunks of a PNG file, walked without a picture library, so that a damaged or hostile file costs little.

Layout: PNG specification, section 5: length (4 bytes, big-endian), type, body, check sum.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 100_000
TEXT_KINDS = (b"tEXt", b"zTXt", b"iTXt")

_MOST_TEXT_OF_PILLOW = 2**20


class Chunk(NamedTuple):
    """A chunk: its type and where its body stands in the data."""

    kind: bytes
    start: int
    end: int


def walk(data: bytes) -> Iterator[Chunk]:
    """Each chunk, until the end or the first that is cut off."""
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


def inflated(data: bytes, most: int) -> bytes | None:
    """Deflated data unpacked; None when it is damaged or would be larger than `most`."""
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, most)
    except zlib.error:
        return None
    return None if inflater.unconsumed_tail else text


def without_large_text(data: bytes) -> bytes:
    """PNG data without the text chunks that Pillow refuses to open a picture for; the data itself without such."""
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
    if len(body) > _MOST_TEXT_OF_PILLOW:
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
    return inflated(rest, _MOST_TEXT_OF_PILLOW) is None
