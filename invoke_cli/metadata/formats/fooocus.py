"""Fooocus: its own scheme is JSON in `parameters` or the EXIF user comment, its other one A1111's text (read as such);
the fork MRE keeps JSON in the comment.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from invoke_cli.metadata.builder import MetadataBuilder, first_object
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, Reading

_PLACES = ("parameters", "EXIF:UserComment")
_OWN_KEYS = {"full_prompt", "performance", "base_model", "adm_guidance", "styles"}
_MOST_LITERAL = 5_000

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
    draft = MetadataBuilder(program)
    draft.words(document.get("prompt"), document.get("negative_prompt"))
    draft.take_all(document, _FIELDS)
    width, height = _size(document)
    draft.take("width", width, "width")
    draft.take("height", height, "height")
    draft.sampler(document.get("sampler"), document.get("scheduler"))
    clip_skip = document.get("clip_skip")
    # Its models are SDXL, which reads the last layer but one anyway: 2 there is what 0 is here.
    if isinstance(clip_skip, (int, str)) and re.fullmatch(r"\d{1,3}", str(clip_skip)):
        draft.take("clip_skip", max(0, int(clip_skip) - 2) or None)
    draft.model(document.get("base_model"), document.get("base_model_hash"))
    _read_loras(draft, document)
    draft.lose_rest(document, {*_KNOWN, *(key for key in document if key.startswith("lora_combined_"))})
    return draft.recalled(by_pixels=True)


def _size(document: Mapping[str, Any]) -> tuple[object, object]:
    """`resolution` is the text of a Python tuple, read as a literal and never evaluated."""
    pair = literal(document.get("resolution"))
    if isinstance(pair, (tuple, list)) and len(pair) == 2:
        return pair[0], pair[1]
    return document.get("width"), document.get("height")


def _read_loras(draft: MetadataBuilder, document: Mapping[str, Any]) -> None:
    loras = document.get("loras")
    for entry in loras if isinstance(loras, list) else []:
        if isinstance(entry, list) and len(entry) >= 2:
            draft.lora(entry[0], entry[1])
    if not loras:
        for key, value in document.items():
            if key.startswith("lora_combined_"):
                name, _, weight = str(value).rpartition(" : ")
                draft.lora(name or value, weight)


def literal(text: object) -> object:
    """The value of a Python literal; None for anything else."""
    if not isinstance(text, str) or len(text) > _MOST_LITERAL:
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


FOOOCUS = Reading(name="Fooocus", sniff=_sniff, decode=_decode)
FOOOCUS_MRE = Reading(name="Fooocus-MRE", sniff=_sniff_mre, decode=_decode_mre)
