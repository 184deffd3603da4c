"""imaginAIry: JSON in the EXIF user comment. Its `init_image_strength` says how much of the image is kept."""

from __future__ import annotations

from typing import Any

from invoke_cli.metadata.builder import MetadataBuilder, json_object, objects, part
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, Reading
from invoke_cli.metadata.formats.a1111 import read_size

_PLACE = "EXIF:UserComment"
_FIELDS = {"steps": "num_inference_steps", "prompt_strength": "guidance_scale", "seed": "seeds"}
_KNOWN = {
    *_FIELDS, "prompt", "negative_prompt", "init_image", "init_image_strength", "model_weights", "model", "solver_type",
    "sampler_type", "size", "width", "height", "tile_mode", "caption_text", "is_intermediate",
    "collect_progress_latents",
}  # fmt: skip


def _sniff(chunks: Chunks) -> bool:
    return "prompt_strength" in part(json_object(chunks.get(_PLACE)), "prompt")


def _decode(chunks: Chunks) -> ParsedMetadata:
    document = part(json_object(chunks.get(_PLACE)), "prompt")
    draft = MetadataBuilder(chunks.get("EXIF:Software") or "imaginAIry")
    draft.words(_words(draft, document.get("prompt")), _words(draft, document.get("negative_prompt")))
    draft.take_all(document, _FIELDS)
    _read_size(draft, document)
    draft.sampler(document.get("solver_type") or document.get("sampler_type"))
    if document.get("init_image"):
        draft.strength(document.get("init_image_strength"), inverted=True)
    if document.get("tile_mode") == "xy":
        draft.values["seamless"] = True
    elif document.get("tile_mode") in ("x", "y"):
        draft.values["seamless_axes"] = document["tile_mode"]
    weights = document.get("model_weights") or document.get("model")
    named = weights.get("name") if isinstance(weights, dict) else weights
    draft.model(named)
    draft.lose_rest(document, _KNOWN)
    return draft.recalled(by_pixels=True)


def _words(draft: MetadataBuilder, parts: object) -> str:
    """The weighted parts of a prompt as one text; their weights are told."""
    if isinstance(parts, str):
        return parts
    texts: list[str] = []
    for entry in objects(parts):
        texts.append(str(entry.get("text", "")))
        if entry.get("weight", 1) not in (1, 1.0):
            draft.lose("weight", f"{entry.get('weight')} of {entry.get('text')}")
    return ", ".join(texts)


def _read_size(draft: MetadataBuilder, document: dict[str, Any]) -> None:
    size = document.get("size")
    if isinstance(size, list) and len(size) == 2:
        draft.take("width", size[0], "size")
        draft.take("height", size[1], "size")
    elif size is not None:
        read_size(draft, size)
    else:
        draft.take_all(document, {"width": "width", "height": "height"})


IMAGINAIRY = Reading(name="imaginAIry", sniff=_sniff, decode=_decode)
