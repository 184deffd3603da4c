"""Read text hidden in the lowest bits of an image's pixels, which survives sites that strip metadata.

Column by column, y fastest, eight bits per byte, highest bit first: a 15-byte signature, the length in bits (32 bits,
big-endian), and the text, compressed with gzip or not. It is in the alpha channel (NovelAI; A1111's "stealth pnginfo")
or in red, green and blue.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from invoke_cli.documents import parse_json
from invoke_cli.imaging.open_image import OpenedImage
from invoke_cli.metadata.containers.png import MAX_TEXT

PARAMETERS = "parameters"

_NAME_BYTES = 15
_ALPHA = (b"stealth_pnginfo", b"stealth_pngcomp")
_COLOURS = (b"stealth_rgbinfo", b"stealth_rgbcomp")


def stealth_text(opened: OpenedImage) -> dict[str, str]:
    """Return the hidden text as the chunks that it stands for; empty if there is none."""
    if not opened.data:
        return {}
    layers = [(_COLOURS, opened.image)] if opened.alpha is None else [(_ALPHA, opened.alpha), (_COLOURS, opened.image)]
    for names, layer in layers:
        text = _hidden(layer, names)
        if text is not None:
            return _as_chunks(text)
    return {}


def _hidden(layer: Image.Image, names: tuple[bytes, bytes]) -> str | None:
    head = _bytes(layer, 0, _NAME_BYTES + 4)
    if head[:_NAME_BYTES] not in names:
        return None
    length = int.from_bytes(head[_NAME_BYTES:], "big") // 8
    if not 0 < length <= MAX_TEXT:
        return None
    data = _bytes(layer, _NAME_BYTES + 4, length)
    if len(data) < length:
        return None
    if head[:_NAME_BYTES] == names[1]:
        data = _gunzipped(data)
    return data.decode("utf-8", errors="replace") or None


def _bytes(layer: Image.Image, start: int, count: int) -> bytes:
    """Return `count` hidden bytes from byte `start` on; fewer if the image ends."""
    per_pixel = len(layer.getbands())
    per_column = layer.height * per_pixel
    first, last = start * 8 // per_column, (start + count) * 8 // per_column + 1
    part = layer.crop((first, 0, min(last, layer.width), layer.height)) if first < layer.width else None
    if part is None:
        return b""
    pixels: NDArray[np.uint8] = np.asarray(part).reshape(layer.height, part.width, per_pixel)
    bits = (pixels.transpose(1, 0, 2).reshape(-1) & 1)[start * 8 - first * per_column :][: count * 8]
    return np.packbits(bits).tobytes()


def _gunzipped(data: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=31)  # gzip format
    try:
        text = inflater.decompress(data, MAX_TEXT)
    except zlib.error:
        return b""
    return text if inflater.eof else b""


def _as_chunks(text: str) -> dict[str, str]:
    """Convert hidden text to chunks: NovelAI hides its chunks as one JSON object, A1111 its parameters as they are."""
    if text.lstrip().startswith("{"):
        try:
            document = parse_json(text)
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, Mapping) and {"Comment", "Description"} & document.keys():
            return {str(key): str(value) for key, value in document.items()}
    return {PARAMETERS: text}
