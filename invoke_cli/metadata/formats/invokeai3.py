"""InvokeAI 3 to 6: `invokeai_metadata`, one JSON object whose empty fields are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invoke_cli.errors import MetadataError
from invoke_cli.metadata.builder import MetadataBuilder, json_object, objects
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, Reading

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
        raise MetadataError(f"its {KEYWORD} is damaged", hint="the picture can still be used with -I")
    draft = MetadataBuilder(f"InvokeAI {document.get('app_version') or '3 or later'}")
    draft.source(document.get("positive_prompt"), document.get("negative_prompt"))
    draft.take_all(document, _FIELDS)
    draft.sampler(document.get("scheduler"))
    draft.take("clip_skip", document.get("clip_skip") or None, "clip_skip")
    _read_seamless(draft, document)
    _read_start(draft, document)
    _read_models(draft, document)
    for key, name in _SHOWN.items():
        draft.fact(name, document.get(key))
    if document.get("hrf_enabled"):
        draft.lose("high-resolution pass", f"{document.get('hrf_method')} at {document.get('hrf_strength')}")
    draft.lose_rest(document, _KNOWN)
    return draft.recalled()


def _read_seamless(draft: MetadataBuilder, document: Mapping[str, Any]) -> None:
    axes = "".join(axis for axis in "xy" if document.get(f"seamless_{axis}") is True)
    if axes == "xy":
        draft.values["seamless"] = True
    elif axes:
        draft.values["seamless_axes"] = axes


def _read_start(draft: MetadataBuilder, document: Mapping[str, Any]) -> None:
    """The init image is a name in that program's own store."""
    mode = str(document.get("generation_mode") or "")
    draft.init(document.get("init_image"))
    if "init_image" in draft.values or "img2img" in mode:
        draft.strength(document.get("strength"))
    if "paint" in mode:
        draft.missing.append("the mask it was painted under; give it with -M")


def _read_models(draft: MetadataBuilder, document: Mapping[str, Any]) -> None:
    """Version 3 names a model by `model_name`, later ones by `name` with a hash."""
    model = document.get("model")
    if isinstance(model, Mapping):
        draft.model(model.get("name") or model.get("model_name"), model.get("hash"))
    else:
        draft.model(model)
    for lora in objects(document.get("loras")):
        named = lora.get("model") or lora.get("lora")
        named = named if isinstance(named, Mapping) else {}
        draft.lora(named.get("name") or named.get("model_name") or "?", lora.get("weight", ""))


INVOKEAI_3 = Reading(name="InvokeAI 3 to 6", sniff=_sniff, decode=_decode)
