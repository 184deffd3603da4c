"""Read the text in AVIF, HEIC and JPEG XL files, whose containers the image library opens without decoding pixels."""

from __future__ import annotations

import re

from invoke_cli.metadata.containers.exif import MAX_EXIF, read_exif
from invoke_cli.metadata.containers.xmp import KEYWORD as XMP

_BOXES = re.compile(rb"(?s)....ftyp(?:avi[fs]|hei[cxfs]|hev[cx]|mif1|msf1)")
_JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL ")


def plugin_text(data: bytes) -> dict[str, str]:
    """Return EXIF and XMP of such a file; empty for others and without the plug-in that reads it."""
    if not _BOXES.match(data) and not data.startswith(_JPEG_XL):
        return {}
    from invoke_cli.imaging.formats import header_values

    values = header_values(data)
    exif, packet = values.get("exif"), values.get("xmp")
    found = read_exif(exif) if isinstance(exif, bytes) and len(exif) <= MAX_EXIF else {}
    if isinstance(packet, str):
        packet = packet.encode("utf-8")
    if isinstance(packet, bytes) and packet:
        found.setdefault(XMP, packet[:MAX_EXIF].decode("utf-8", errors="replace"))
    return found
