"""Read Fooocus' metadata.

Its own scheme is JSON in `parameters` or the EXIF user comment; its other scheme is A1111's text and is read as such.
The fork MRE stores JSON in the comment.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from invoke_cli.metadata.builder import MetadataBuilder, first_object
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, ReadOnlyFormat

_PLACES = ("parameters", "EXIF:UserComment")
_OWN_KEYS = {"full_prompt", "performance", "base_model", "adm_guidance", "styles"}
_MAX_LITERAL = 5_000

_FIELDS = {"steps": "num_inference_steps", "guidance_scale": "guidance_scale", "cfg": "guidance_scale", "seed": "seeds"}
_KNOWN = {
    *_FIELDS, "prompt", "negative_prompt", "full_prompt", "full_negative_prompt", "resolution", "sampler", "scheduler",
    "base_model", "base_model_hash", "loras", "version", "created_by", "metadata_scheme", "width", "height",
    "real_prompt", "real_negative_prompt", "software", "clip_skip", "vae", "refiner_model_hash",
}  # fmt: skip


def _document(chunks: Chunks) -> dict[str, Any] | None:
    document = first_object(chunks, *_PLACES)
    ours = document is not None and (chunks.get("fooocus_scheme") == "fooocus" or bool(_OWN_KEYS & document.keys()))
    return document if ours and "sui_image_params" not in (document or {}) else None


def _sniff(chunks: Chunks) -> bool:
    return _document(chunks) is not None


def _decode(chunks: Chunks) -> ParsedMetadata:
    document = _document(chunks) or {}
    return _read(document, f"Fooocus {str(document.get('version') or '').removeprefix('Fooocus ')}".strip())


def _sniff_mre(chunks: Chunks) -> bool:
    document = first_object(chunks, "Comment", "comment")
    return document is not None and "base_model" in document


def _decode_mre(chunks: Chunks) -> ParsedMetadata:
    return _read(first_object(chunks, "Comment", "comment") or {}, "Fooocus-MRE")


def _read(document: dict[str, Any], program: str) -> ParsedMetadata:
    builder = MetadataBuilder(program)
    builder.foreign_prompts(document.get("prompt"), document.get("negative_prompt"))
    builder.take_all(document, _FIELDS)
    width, height = _size(document)
    builder.take("width", width, "width")
    builder.take("height", height, "height")
    builder.sampler(document.get("sampler"), document.get("scheduler"))
    clip_skip = document.get("clip_skip")
    # Its models are SDXL, which uses the penultimate layer anyway: its 2 is our 0.
    if isinstance(clip_skip, (int, str)) and re.fullmatch(r"\d{1,3}", str(clip_skip)):
        builder.take("clip_skip", max(0, int(clip_skip) - 2) or None)
    builder.model(document.get("base_model"), document.get("base_model_hash"))
    _read_loras(builder, document)
    builder.drop_rest(document, {*_KNOWN, *(key for key in document if key.startswith("lora_combined_"))})
    return builder.build(size_from_pixels=True)


def _size(document: Mapping[str, Any]) -> tuple[object, object]:
    """Return width and height; `resolution` is the text of a Python tuple, parsed as a literal and never evaluated."""
    pair = literal(document.get("resolution"))
    if isinstance(pair, (tuple, list)) and len(pair) == 2:
        return pair[0], pair[1]
    return document.get("width"), document.get("height")


def _read_loras(builder: MetadataBuilder, document: Mapping[str, Any]) -> None:
    loras = document.get("loras")
    for entry in loras if isinstance(loras, list) else []:
        if isinstance(entry, list) and len(entry) >= 2:
            builder.lora(entry[0], entry[1])
    if not loras:
        for key, value in document.items():
            if key.startswith("lora_combined_"):
                name, _, weight = str(value).rpartition(" : ")
                builder.lora(name or value, weight)


def literal(text: object) -> object:
    """Parse a Python literal; None for anything else."""
    if not isinstance(text, str) or len(text) > _MAX_LITERAL:
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


FOOOCUS = ReadOnlyFormat(name="Fooocus", sniff=_sniff, decode=_decode)
FOOOCUS_MRE = ReadOnlyFormat(name="Fooocus-MRE", sniff=_sniff_mre, decode=_decode_mre)
