"""The image formats that can be read: those of this list that Pillow and its installed plug-ins have."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import io
import struct
import warnings
import zlib
from collections.abc import Mapping
from functools import cache

from PIL import Image, features

from invoke_cli.imaging.box_formats import CODESTREAM, CONTAINER, canvas, is_jpeg_xl

# No others: for some Pillow starts programs. The values are the names that people know.
LABELS: Mapping[str, str] = {
    "PNG": "PNG", "JPEG": "JPEG", "WEBP": "WebP", "BMP": "BMP", "GIF": "GIF", "TIFF": "TIFF", "AVIF": "AVIF",
    "HEIF": "HEIC", "JXL": "JPEG XL",
}  # fmt: skip
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SIGNATURES = (
    b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8", b"BM", *_TIFF, CODESTREAM, CONTAINER
)  # fmt: skip
MAX_PIXELS = 100_000_000
_PLUGINS = ("pillow_heif", "pillow_jxl")  # register a format when they are imported, or by a function
# RuntimeError is what the plug-ins of Pillow raise.
BROKEN = (
    OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, RuntimeError, struct.error, zlib.error
)  # fmt: skip


def is_image_data(start: bytes) -> bool:
    """Return whether a file begins as an image of one of the formats does."""
    return start.startswith(_SIGNATURES) or start[4:8] == b"ftyp"


@cache
def readable_formats() -> tuple[str, ...]:
    """Return Pillow's names of the formats that can be read here."""
    Image.init()
    for name in _PLUGINS:
        with contextlib.suppress(ImportError):
            register = getattr(importlib.import_module(name), "register_heif_opener", None)
            if register is not None:
                register()
    found = [name for name in LABELS if name in Image.OPEN]
    return tuple(name for name in found if name != "AVIF" or features.check("avif"))


@cache
def silence_libtiff() -> None:
    """Stop libtiff, with which Pillow is linked, from writing to standard error.

    Pillow raises an error for a damaged file anyway. Where libtiff is part of Pillow's own module, as on Windows, its
    functions are not visible, and nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(importlib.import_module("PIL._imaging").__file__)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            getattr(library, name)(None)


def open_data(data: bytes, formats: tuple[str, ...]) -> Image.Image:
    """Open the image in data that was read, with the readers of some formats alone. Raises one of `BROKEN`."""
    if data.startswith(_TIFF):
        silence_libtiff()
    return Image.open(io.BytesIO(data), formats=formats)


def described_formats() -> str:
    """Return the formats that can be read here, as words: `PNG, JPEG and TIFF`."""
    *names, last = (LABELS[name] for name in readable_formats())
    return f"{', '.join(names)} and {last}"


def announces_too_many_pixels(data: bytes) -> bool:
    """Return whether a file in JPEG XL exceeds `MAX_PIXELS`, which Pillow's plug-in decodes when it opens it."""
    size = canvas(data) if is_jpeg_xl(data) else None
    return size is not None and size[0] * size[1] > MAX_PIXELS


def usual_suffix(data: bytes) -> str:
    """Return the usual suffix of a file with this content, such as `.png`; empty if Pillow cannot read it."""
    name, _ = _header(data)
    return "." + name.lower().replace("jpeg", "jpg") if name else ""


def header_values(data: bytes) -> Mapping[str, object]:
    """Return what Pillow reads from a file before its pixels; empty if it cannot read it."""
    return _header(data)[1]


def _header(data: bytes) -> tuple[str, Mapping[str, object]]:
    """Return the format and the values in the header of a file; both empty if Pillow cannot read it."""
    if announces_too_many_pixels(data):
        return "", {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_data(data, readable_formats()) as image:
                return image.format or "PNG", {str(key): value for key, value in image.info.items()}
    except (*BROKEN, Image.DecompressionBombError, MemoryError):
        return "", {}
