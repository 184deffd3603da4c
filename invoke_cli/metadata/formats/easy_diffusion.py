"""Read Easy Diffusion's metadata: a PNG text per value, under plain or title-case keys, or JSON in the EXIF comment."""

from __future__ import annotations

from typing import Any

from invoke_cli.metadata.builder import MetadataBuilder, json_object
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, ReadOnlyFormat

_FIELDS = {
    "num_inference_steps": "num_inference_steps", "steps": "num_inference_steps", "guidance_scale": "guidance_scale",
    "seed": "seeds", "width": "width", "height": "height",
}  # fmt: skip
_MODEL = ("use_stable_diffusion_model", "stable_diffusion_model")
_SIGNATURE_KEYS = {"num_inference_steps", "guidance_scale", *_MODEL}
_KNOWN = {
    *_FIELDS, *_MODEL, "prompt", "negative_prompt", "sampler_name", "sampler", "scheduler_name", "clip_skip",
    "prompt_strength", "use_lora_model", "lora_model", "lora_alpha", "num_outputs",
}  # fmt: skip


def _values(chunks: Chunks) -> dict[str, Any]:
    """Return the values by plain keys, from whichever place has them."""
    found = json_object(chunks.get("EXIF:UserComment")) or dict(chunks)
    return {key.strip().lower().replace(" ", "_"): value for key, value in found.items() if ":" not in key}


def _sniff(chunks: Chunks) -> bool:
    values = _values(chunks)
    return "prompt" in values and bool(_SIGNATURE_KEYS & values.keys())


def _decode(chunks: Chunks) -> ParsedMetadata:
    values = _values(chunks)
    builder = MetadataBuilder("Easy Diffusion")
    builder.foreign_prompts(values.get("prompt"), values.get("negative_prompt"))
    builder.take_all(values, _FIELDS)
    builder.sampler(values.get("sampler_name") or values.get("sampler"), values.get("scheduler_name"))
    if str(values.get("clip_skip")).lower() == "true":
        builder.take("clip_skip", 1)
    builder.strength(values.get("prompt_strength"))
    builder.model(next((values[key] for key in _MODEL if values.get(key)), None))
    _read_loras(builder, values)
    builder.drop_rest(values, _KNOWN)
    return builder.build(size_from_pixels=True)


def _read_loras(builder: MetadataBuilder, values: dict[str, Any]) -> None:
    named = values.get("use_lora_model") or values.get("lora_model")
    names = named if isinstance(named, list) else [named]
    weight = values.get("lora_alpha")
    weights = weight if isinstance(weight, list) else [weight]
    for index, name in enumerate(names):
        if name not in (None, "", "None"):
            builder.lora(name, weights[index] if index < len(weights) else "")


EASY_DIFFUSION = ReadOnlyFormat(name="Easy Diffusion", sniff=_sniff, decode=_decode)
