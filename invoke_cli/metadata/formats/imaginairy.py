"""Read imaginAIry's metadata: JSON in the EXIF user comment. `init_image_strength` is how much of the image is kept."""

from __future__ import annotations

from typing import Any

from invoke_cli.metadata.builder import MetadataBuilder, json_object, objects, part
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, ReadOnlyFormat
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
    builder = MetadataBuilder(chunks.get("EXIF:Software") or "imaginAIry")
    builder.foreign_prompts(
        _joined_parts(builder, document.get("prompt")), _joined_parts(builder, document.get("negative_prompt"))
    )
    builder.take_all(document, _FIELDS)
    _read_size(builder, document)
    builder.sampler(document.get("solver_type") or document.get("sampler_type"))
    if document.get("init_image"):
        builder.strength(document.get("init_image_strength"), inverted=True)
    if document.get("tile_mode") == "xy":
        builder.values["seamless"] = True
    elif document.get("tile_mode") in ("x", "y"):
        builder.values["seamless_axes"] = document["tile_mode"]
    weights = document.get("model_weights") or document.get("model")
    named = weights.get("name") if isinstance(weights, dict) else weights
    builder.model(named)
    builder.drop_rest(document, _KNOWN)
    return builder.build(size_from_pixels=True)


def _joined_parts(builder: MetadataBuilder, parts: object) -> str:
    """Join the weighted parts of a prompt; weights are listed as missing."""
    if isinstance(parts, str):
        return parts
    texts: list[str] = []
    for entry in objects(parts):
        texts.append(str(entry.get("text", "")))
        if entry.get("weight", 1) not in (1, 1.0):
            builder.drop("weight", f"{entry.get('weight')} of {entry.get('text')}")
    return ", ".join(texts)


def _read_size(builder: MetadataBuilder, document: dict[str, Any]) -> None:
    size = document.get("size")
    if isinstance(size, list) and len(size) == 2:
        builder.take("width", size[0], "size")
        builder.take("height", size[1], "size")
    elif size is not None:
        read_size(builder, size)
    else:
        builder.take_all(document, {"width": "width", "height": "height"})


IMAGINAIRY = ReadOnlyFormat(name="imaginAIry", sniff=_sniff, decode=_decode)
