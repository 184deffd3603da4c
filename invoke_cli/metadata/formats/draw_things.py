"""Read Draw Things' metadata: JSON in `exif:UserComment` of the XMP packet."""

from __future__ import annotations

from typing import Any

from invoke_cli.metadata.builder import MetadataBuilder, json_object, objects
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, ReadOnlyFormat
from invoke_cli.metadata.containers.xmp_properties import read_xmp
from invoke_cli.metadata.formats.a1111 import read_size

_FIELDS = {"steps": "num_inference_steps", "scale": "guidance_scale", "seed": "seeds"}
_KNOWN = {*_FIELDS, "c", "uc", "model", "sampler", "size", "strength", "v2", "lora", "profile", "seed_mode"}


def _document(chunks: Chunks) -> dict[str, Any] | None:
    document = json_object(read_xmp(chunks).get("exif:UserComment"))
    return document if document is not None and "c" in document else None


def _sniff(chunks: Chunks) -> bool:
    return _document(chunks) is not None


def _decode(chunks: Chunks) -> ParsedMetadata:
    document = _document(chunks) or {}
    builder = MetadataBuilder("Draw Things")
    builder.foreign_prompts(document.get("c"), document.get("uc"))
    builder.take_all(document, _FIELDS)
    builder.sampler(document.get("sampler"))
    read_size(builder, document.get("size"))
    if document.get("strength") not in (1, 1.0, None):  # always present; 1 without an init image
        builder.strength(document.get("strength"))
    builder.model(document.get("model"))
    for lora in objects(document.get("lora")):
        builder.lora(lora.get("model") or lora.get("file") or "?", lora.get("weight", ""))
    builder.drop_rest(document, _KNOWN)
    return builder.build(size_from_pixels=True)


DRAW_THINGS = ReadOnlyFormat(name="Draw Things", sniff=_sniff, decode=_decode)
