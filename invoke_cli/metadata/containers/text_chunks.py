"""Read the text in an image file of any format, by keyword.

Keywords are PNG's own, `EXIF:` and a tag's name, the XMP packet's, and the comment of JPEG and GIF files. All sizes are
capped, so that a damaged or hostile file costs little.
"""

from __future__ import annotations

from pathlib import Path

from invoke_cli.errors import MetadataError
from invoke_cli.imaging.png_chunks import SIGNATURE
from invoke_cli.metadata.containers.plugin_formats import plugin_text
from invoke_cli.metadata.containers.png import png_text
from invoke_cli.metadata.containers.segments import JPEG_START, gif_text, jpeg_text, webp_text
from invoke_cli.metadata.containers.xmp_record import expand_record

MAX_FILE = 500_000_000


def read_chunks(path: Path) -> dict[str, str]:
    """Return the texts of an image file by keyword, the first of each; empty for other files."""
    return parse_chunks(read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """Return the content of an image file.

    Raises:
        MetadataError: It is missing, too large or unreadable.
    """
    try:
        if path.is_dir():
            raise MetadataError(f"{path} is a folder, not an image", hint="pass one of the images in it")
        if not path.is_file():
            raise MetadataError(f"there is no image {path}", hint="check the name")
        if path.stat().st_size > MAX_FILE:
            raise MetadataError(f"{path} is too large to read", hint="pass an image")
        return path.read_bytes()
    except OSError as error:
        hint = "check its permissions"
        raise MetadataError(f"{path} cannot be read: {error.strerror or error}", hint=hint) from None


def parse_chunks(data: bytes) -> dict[str, str]:
    """Return the texts in the data of an image file by keyword, the first of each."""
    return expand_record(_texts(data))


def _texts(data: bytes) -> dict[str, str]:
    if data.startswith(SIGNATURE):
        return png_text(data)
    if data.startswith(JPEG_START):
        return jpeg_text(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return webp_text(data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return gif_text(data)
    return plugin_text(data)
