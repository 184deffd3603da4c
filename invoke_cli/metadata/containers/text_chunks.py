"""Read the text in an image file of any format, by keyword.

Keywords are PNG's own, `EXIF:` and a tag's name, the XMP packet's, and the comment of JPEG and GIF files. All sizes are
capped, so that a damaged or hostile file costs little.
"""

from __future__ import annotations

from pathlib import Path

from invoke_cli.errors import MetadataError
from invoke_cli.imaging.png_chunks import SIGNATURE
from invoke_cli.input_files import METADATA, UnsuitableFile, read_input
from invoke_cli.metadata.containers.plugin_formats import plugin_text
from invoke_cli.metadata.containers.png import png_text
from invoke_cli.metadata.containers.segments import JPEG_START, gif_text, jpeg_text, webp_text
from invoke_cli.metadata.containers.xmp_record import expand_record


def read_chunks(path: Path) -> dict[str, str]:
    """Return the texts of an image file by keyword, the first of each; empty for other files."""
    return parse_chunks(read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """Return the content of an image file.

    Raises:
        MetadataError: It is missing, too large or unreadable.
    """
    try:
        return read_input(path, METADATA)
    except IsADirectoryError:
        raise MetadataError(f"{path} is a folder, not an image", hint="pass one of the images in it") from None
    except FileNotFoundError:
        raise MetadataError(f"there is no image {path}", hint="check the name") from None
    except UnsuitableFile as error:
        raise MetadataError(f"{path} cannot be read: {error}", hint="pass an image") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MetadataError(f"{path} cannot be read: {reason}", hint="check its permissions") from None


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
