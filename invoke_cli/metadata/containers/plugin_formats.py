"""Read the text in AVIF, HEIC and JPEG XL files without decoding pixels."""

from __future__ import annotations

from invoke_cli.imaging.box_formats import exif_block, is_jpeg_xl, plugin_format, xmp_packet
from invoke_cli.metadata.containers.exif import MAX_EXIF, read_exif
from invoke_cli.metadata.containers.xmp import KEYWORD as XMP


def plugin_text(data: bytes) -> dict[str, str]:
    """Return EXIF and XMP of such a file; empty for others, and for HEIC without the plug-in that reads it."""
    if plugin_format(data) is None:
        return {}
    exif, packet = (exif_block(data), xmp_packet(data)) if is_jpeg_xl(data) else _header_text(data)
    found = read_exif(exif) if isinstance(exif, bytes) and len(exif) <= MAX_EXIF else {}
    if isinstance(packet, str):
        packet = packet.encode("utf-8")
    if isinstance(packet, bytes) and packet:
        found.setdefault(XMP, packet[:MAX_EXIF].decode("utf-8", errors="replace"))
    return found


def _header_text(data: bytes) -> tuple[object, object]:
    """Return EXIF and XMP as Pillow reads them."""
    from invoke_cli.imaging.formats import header_values

    values = header_values(data)
    return values.get("exif"), values.get("xmp")
