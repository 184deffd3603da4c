"""Encode images as PNG, and hash their pixels."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping

from PIL import Image
from PIL.PngImagePlugin import PngInfo


def pixel_hash(image: Image.Image) -> str:
    """Return the SHA-256 of the RGB bytes, rows from the top."""
    return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()


def encode_png(image: Image.Image, chunks: Mapping[str, str], compression: int = 6) -> bytes:
    """Encode a PNG file with text chunks: ASCII as tEXt, other text and XMP as uncompressed iTXt."""
    info = PngInfo()
    for keyword, text in chunks.items():
        if text.isascii() and not keyword.startswith("XML:"):
            info.add_text(keyword, text)
        else:
            info.add_itxt(keyword, text)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=info, compress_level=compression)
    return buffer.getvalue()
