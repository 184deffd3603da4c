"""The text in a PNG file, read chunk by chunk with caps, so that a damaged or hostile file costs little.

Text may stand before or after the pixels, in Latin-1 or UTF-8, compressed or not (PNG specification, section 11.3.3).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from invoke_cli.errors import MetadataError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_TEXT = 4_000_000
MAX_CHUNKS = 100_000
MAX_FILE = 500_000_000

_ESCAPES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def read_chunks(path: Path) -> dict[str, str]:
    """The text chunks of a PNG file by keyword, the first of each; empty for a file of another kind."""
    return parse_chunks(read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """The bytes of a picture's file; MetadataError when they cannot be had."""
    try:
        if not path.is_file():
            raise MetadataError(f"there is no image {path}", hint="check the name; Tab completes it")
        if path.stat().st_size > MAX_FILE:
            raise MetadataError(f"{path} is too large to read", hint="name a picture")
        return path.read_bytes()
    except OSError as error:
        hint = "check its permissions"
        raise MetadataError(f"{path} cannot be read: {error.strerror or error}", hint=hint) from None


def parse_chunks(data: bytes) -> dict[str, str]:
    """The text chunks of PNG data by keyword, the first of each."""
    texts: dict[str, str] = {}
    for kind, body in _walk(data):
        entry = _text(kind, body)
        if entry is not None and entry[0] not in texts:
            texts[entry[0]] = entry[1]
    return texts


def _walk(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk's type and body, until the end or the first that is cut off."""
    if not data.startswith(SIGNATURE):
        return
    position = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if position + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 8 : position + 8 + length] if kind in (b"tEXt", b"zTXt", b"iTXt") else b""
        if position + 8 + length > len(data) or kind == b"IEND":
            return
        yield kind, body
        position += 12 + length


def _text(kind: bytes, body: bytes) -> tuple[str, str] | None:
    keyword, separator, rest = body.partition(b"\0")
    if not separator or not 0 < len(keyword) < 80 or len(rest) > MAX_TEXT:
        return None
    if kind == b"tEXt":
        return keyword.decode("latin-1"), _latin_1_or_utf_8(rest)
    if kind == b"zTXt":
        text = _inflate(rest[1:])
        return None if text is None else (keyword.decode("latin-1"), _latin_1_or_utf_8(text))
    if kind == b"iTXt" and len(rest) >= 2:
        return _international(keyword, rest)
    return None


def _international(keyword: bytes, rest: bytes) -> tuple[str, str] | None:
    parts = rest[2:].split(b"\0", 2)
    if len(parts) != 3:
        return None
    text = _inflate(parts[2]) if rest[0] else parts[2]
    return None if text is None else (keyword.decode("latin-1"), text.decode("utf-8", errors="replace"))


def _inflate(data: bytes) -> bytes | None:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, MAX_TEXT)
    except zlib.error:
        return None
    return None if inflater.unconsumed_tail else text


def _latin_1_or_utf_8(data: bytes) -> str:
    """The text as UTF-8 where it is valid UTF-8 (some programs write that against the standard), else as Latin-1."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def harmless(text: str) -> str:
    """Foreign text without control characters, so that it cannot drive a terminal; line breaks and tabs stay."""
    return _ESCAPES.sub("\N{REPLACEMENT CHARACTER}", text)
