"""Read the metadata of InvokeAI 3 to 6: `invokeai_metadata`, one JSON object without its empty fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invoke_cli.errors import MetadataError
from invoke_cli.metadata.builder import MetadataBuilder, json_object, objects
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, ReadOnlyFormat

KEYWORD = "invokeai_metadata"

_FIELDS = {
    "steps": "num_inference_steps", "cfg_scale": "guidance_scale", "seed": "seeds", "width": "width",
    "height": "height", "cfg_rescale_multiplier": "guidance_rescale",
}  # fmt: skip
_SHOWN = {"generation_mode": "mode", "app_version": "version"}
_KNOWN = {
    *_FIELDS, *_SHOWN, "positive_prompt", "negative_prompt", "scheduler", "seamless_x", "seamless_y", "clip_skip",
    "model", "strength", "init_image", "loras", "rand_device", "hrf_enabled", "hrf_method", "hrf_strength",
}  # fmt: skip


def _sniff(chunks: Chunks) -> bool:
    return KEYWORD in chunks


def _decode(chunks: Chunks) -> ParsedMetadata:
    document = json_object(chunks[KEYWORD])
    if document is None:
        raise MetadataError(f"its {KEYWORD} is damaged", hint="the image can still be used with -I")
    builder = MetadataBuilder(f"InvokeAI {document.get('app_version') or '3 or later'}")
    builder.invoke_prompts(document.get("positive_prompt"), document.get("negative_prompt"))
    builder.take_all(document, _FIELDS)
    builder.sampler(document.get("scheduler"))
    builder.take("clip_skip", document.get("clip_skip") or None, "clip_skip")
    _read_seamless(builder, document)
    _read_start(builder, document)
    _read_models(builder, document)
    for key, name in _SHOWN.items():
        builder.add_fact(name, document.get(key))
    if document.get("hrf_enabled"):
        builder.drop("high-resolution pass", f"{document.get('hrf_method')} at {document.get('hrf_strength')}")
    builder.drop_rest(document, _KNOWN)
    return builder.build()


def _read_seamless(builder: MetadataBuilder, document: Mapping[str, Any]) -> None:
    axes = "".join(axis for axis in "xy" if document.get(f"seamless_{axis}") is True)
    if axes == "xy":
        builder.values["seamless"] = True
    elif axes:
        builder.values["seamless_axes"] = axes


def _read_start(builder: MetadataBuilder, document: Mapping[str, Any]) -> None:
    """Set the init image, which is a name in that program's own store, and the strength."""
    mode = str(document.get("generation_mode") or "")
    builder.init(document.get("init_image"))
    if "init_image" in builder.values or "img2img" in mode:
        builder.strength(document.get("strength"))
    if "paint" in mode:
        builder.missing.append("the inpainting mask; pass it with -M")


def _read_models(builder: MetadataBuilder, document: Mapping[str, Any]) -> None:
    """Read the model and LoRAs: version 3 names a model by `model_name`, later ones by `name` with a hash."""
    model = document.get("model")
    if isinstance(model, Mapping):
        builder.model(model.get("name") or model.get("model_name"), model.get("hash"))
    else:
        builder.model(model)
    for lora in objects(document.get("loras")):
        named = lora.get("model") or lora.get("lora")
        named = named if isinstance(named, Mapping) else {}
        builder.lora(named.get("name") or named.get("model_name") or "?", lora.get("weight", ""))


INVOKEAI_3 = ReadOnlyFormat(name="InvokeAI 3 to 6", sniff=_sniff, decode=_decode)
