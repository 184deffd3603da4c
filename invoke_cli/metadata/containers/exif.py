"""Read the text of an EXIF block: the tags in which programs store their settings, and other tags with JSON.

A parser of our own, since every entry may refer to any part of the block: a library that copies what each entry refers
to can be made to copy gigabytes. This one reads only what it needs, up to a limit. TIFF 6.0, section 2; EXIF 2.32.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping

from invoke_cli.metadata.containers.comment_encoding import comment_text

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
_DOCUMENT = re.compile(r"\s*(?:\w{1,20}\s*[:=]\s*)?\{")
_TEXT_TYPES = (1, 2, 7)  # byte, ASCII, undefined: one byte each


def read_exif(data: bytes) -> dict[str, str]:
    """Return the known texts by `EXIF:` and the tag's name; empty if `data` is not an EXIF block."""
    block = data.removeprefix(b"Exif\0\0")[:MAX_EXIF]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return {}
    found: dict[str, str] = {}
    budget = MAX_EXIF
    for tag, kind, count, position in _all_entries(block, order):
        start = position if count <= 4 else struct.unpack_from(f"{order}I", block, position)[0]
        if kind not in _TEXT_TYPES or count > min(budget, len(block) - start):
            continue
        budget -= count
        text = comment_text(block[start : start + count])
        if text.strip() and (tag in _TAGS or _DOCUMENT.match(text)):
            found.setdefault(PREFIX + _TAGS.get(tag, f"{tag:#06x}"), text)
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
