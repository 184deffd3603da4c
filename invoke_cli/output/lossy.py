"""Encode results as JPEG and WebP: A1111's text in the EXIF user comment, the whole record in XMP."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image

from invoke_cli.errors import OutputError
from invoke_cli.metadata.containers import xmp
from invoke_cli.metadata.containers.xmp_record import ENCODING, with_record
from invoke_cli.metadata.formats.a1111 import KEYWORD as PARAMETERS

_EXIF_DIRECTORY, _USER_COMMENT, _SOFTWARE = 0x8769, 0x9286, 0x0131
_MAX_SEGMENT = 65_000  # of the 65535 bytes of a JPEG segment


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoding:
    """A lossy encoding: Pillow's name of the format, and its quality."""

    format: str
    quality: int

    def __str__(self) -> str:
        """Return the text that is recorded."""
        return f"{self.format} {self.quality}"


ENCODINGS: Mapping[str, Encoding] = {
    ".jpg": Encoding(format="JPEG", quality=95),
    ".jpeg": Encoding(format="JPEG", quality=95),
    ".webp": Encoding(format="WEBP", quality=95),
}


def recorded_encoding(chunks: Mapping[str, str]) -> Encoding | None:
    """Return the encoding of a file of ours; None for a PNG."""
    name, _, quality = chunks.get(ENCODING, "").partition(" ")
    known = name in {encoding.format for encoding in ENCODINGS.values()}
    if not known or not quality.isdecimal() or not 0 < int(quality[:4]) <= 100:
        return None
    return Encoding(format=name, quality=int(quality[:4]))


def as_encoded(image: Image.Image, encoding: Encoding | None) -> Image.Image:
    """Return the pixels that a file with this encoding has; None is a PNG, which changes nothing."""
    if encoding is None:
        return image
    with Image.open(io.BytesIO(_encode(image, encoding, {})), formats=(encoding.format,)) as decoded:
        return decoded.convert("RGB")


def encode_lossy(image: Image.Image, chunks: Mapping[str, str], encoding: Encoding) -> bytes:
    """Encode a file with metadata. Raises OutputError if the metadata does not fit into a JPEG."""
    if not chunks:
        return _encode(image, encoding, {})
    packet = with_record(chunks.get(xmp.KEYWORD, ""), chunks, str(encoding)).encode("utf-8")
    block = _exif(chunks.get(PARAMETERS, ""))
    if encoding.format == "JPEG" and len(packet) > _MAX_SEGMENT:
        hint = "use a name that ends in .png or .webp"
        raise OutputError("the metadata is too long for a JPEG file", hint=hint, field="outdir")
    if encoding.format == "JPEG" and len(block) > _MAX_SEGMENT:
        block = _exif("")  # the text is in the record, too
    return _encode(image, encoding, {"exif": block, "xmp": packet})


def _exif(parameters: str) -> bytes:
    exif = Image.Exif()
    exif[_SOFTWARE] = "invoke-cli"
    if parameters:
        exif.get_ifd(_EXIF_DIRECTORY)[_USER_COMMENT] = b"UNICODE\0" + parameters.encode("utf-16-be")
    return exif.tobytes()


def _encode(image: Image.Image, encoding: Encoding, metadata: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    options = {"subsampling": 0} if encoding.format == "JPEG" else {"method": 4}
    image.convert("RGB").save(buffer, encoding.format, quality=encoding.quality, **options, **metadata)
    return buffer.getvalue()
