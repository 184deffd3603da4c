"""Read mflux' metadata: JSON in the EXIF user comment. Its `image_strength` is how much of the image is kept."""

from __future__ import annotations

from invoke_cli.metadata.builder import MetadataBuilder, json_object
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, ReadOnlyFormat

_PLACE = "EXIF:UserComment"
_FIELDS = {
    "steps": "num_inference_steps", "guidance": "guidance_scale", "seed": "seeds", "width": "width", "height": "height",
}  # fmt: skip
_KNOWN = {
    *_FIELDS, "mflux_version", "model", "base_model", "prompt", "negative_prompt", "precision",
    "generation_time_seconds", "created_at", "lora_paths", "lora_scales", "image_path", "image_paths", "image_strength",
}  # fmt: skip


def _sniff(chunks: Chunks) -> bool:
    return "mflux_version" in (json_object(chunks.get(_PLACE)) or {})


def _decode(chunks: Chunks) -> ParsedMetadata:
    document = json_object(chunks.get(_PLACE)) or {}
    builder = MetadataBuilder(f"mflux {document.get('mflux_version')}")
    builder.foreign_prompts(document.get("prompt"), document.get("negative_prompt"))
    builder.take_all(document, _FIELDS)
    paths = document.get("image_paths")
    builder.init(document.get("image_path") or (paths[0] if isinstance(paths, list) and paths else None))
    if "init_image" in builder.values or document.get("image_strength"):
        builder.strength(document.get("image_strength"), inverted=True)
    builder.model(document.get("model") or document.get("base_model"))
    builder.loras(document.get("lora_paths"), document.get("lora_scales"))
    builder.drop_rest(document, _KNOWN)
    return builder.build(size_from_pixels=True)


MFLUX = ReadOnlyFormat(name="mflux", sniff=_sniff, decode=_decode)
