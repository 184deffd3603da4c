"""Tell files made of boxes apart, and read the structure of those in JPEG XL.

Pillow's plug-in for JPEG XL decodes the image before it tells its size, and does not tell all of its text.
The container consists of boxes (ISO/IEC 18181-2), the image itself is a codestream (ISO/IEC 18181-1, annex D).
"""

from __future__ import annotations

from collections.abc import Iterator

CODESTREAM, CONTAINER = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_LENGTHS = (9, 13, 18, 30)  # the bits of a side
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
_HEADER = 12  # bytes: more than a size header has


def is_jpeg_xl(data: bytes) -> bool:
    """Return whether a file begins as one in JPEG XL."""
    return data.startswith((CODESTREAM, CONTAINER))


def plugin_format(data: bytes) -> str | None:
    """Return Pillow's name of the format of a file that only a plug-in or some builds of Pillow read; else None."""
    if is_jpeg_xl(data):
        return "JXL"
    if data[4:8] != b"ftyp":
        return None
    brand = data[8:12]
    return "AVIF" if brand in (b"avif", b"avis") else "HEIF" if brand in _HEIF_BRANDS else None


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the type and the content of each box of a container, until one is cut off; none of a bare codestream."""
    place = 0
    while data.startswith(CONTAINER) and place + 8 <= len(data):
        length, kind, start = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8], place + 8
        if length == 1:
            length, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        end = len(data) if length == 0 else place + length
        if end < start or end > len(data):
            return
        yield kind, data[start:end]
        place = end


def is_reversible_jpeg(data: bytes) -> bool:
    """Return whether a file contains a JPEG, whose EXIF orientation applies; others state theirs in the codestream."""
    return any(kind == b"jbrd" for kind, _ in boxes(data))


def xmp_packet(data: bytes) -> bytes:
    """Return the XMP packet of a file; empty if it has none that is uncompressed."""
    return next((content for kind, content in boxes(data) if kind == b"xml "), b"")


def exif_block(data: bytes) -> bytes:
    """Return the EXIF block of a file, from its TIFF header on; empty if it has none that is uncompressed."""
    content = next((content for kind, content in boxes(data) if kind == b"Exif"), b"")
    if content.startswith((b"II*\0", b"MM\0*")):
        return content  # some writers leave out the offset of the TIFF header
    return content[4 + int.from_bytes(content[:4], "big") :]


def canvas(data: bytes) -> tuple[int, int] | None:
    """Return the width and the height that a file announces; None if its header is damaged."""
    stream = data if data.startswith(CODESTREAM) else _codestream(data)
    if not stream.startswith(CODESTREAM) or len(stream) < 4:
        return None
    bits = _Bits(stream[len(CODESTREAM) : _HEADER])
    if bits.take(1):
        height = 8 * (bits.take(5) + 1)
        ratio = bits.take(3)
        return (_width(height, ratio) if ratio else 8 * (bits.take(5) + 1)), height
    height = bits.take(_LENGTHS[bits.take(2)]) + 1
    ratio = bits.take(3)
    return (_width(height, ratio) if ratio else bits.take(_LENGTHS[bits.take(2)]) + 1), height


def _width(height: int, ratio: int) -> int:
    numerator, denominator = _RATIOS[ratio - 1]
    return height * numerator // denominator


def _codestream(data: bytes) -> bytes:
    """Return the codestream in a container, or the first part of it."""
    for kind, content in boxes(data):
        if kind in (b"jxlc", b"jxlp"):
            return content[4:] if kind == b"jxlp" else content
    return b""


class _Bits:
    """A reader of bits, the lowest of each byte first; zeros follow the last byte."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        """Return the next `count` bits as a number."""
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        return value
