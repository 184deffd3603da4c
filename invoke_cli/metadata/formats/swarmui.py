"""Read SwarmUI's metadata: JSON with `sui_image_params`, in `parameters`, the EXIF user comment or the EXIF model."""

from __future__ import annotations

from typing import Any

from invoke_cli.metadata.builder import MetadataBuilder, json_object, part
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, ReadOnlyFormat

_PLACES = ("parameters", "EXIF:UserComment", "EXIF:Model")
_PARAMS = "sui_image_params"

_FIELDS = {
    "steps": "num_inference_steps", "cfgscale": "guidance_scale", "seed": "seeds", "width": "width", "height": "height",
}  # fmt: skip
_KNOWN = {
    *_FIELDS, "prompt", "negativeprompt", "model", "sampler", "comfyuisampler", "comfysampler", "scheduler",
    "comfyuischeduler", "comfyscheduler", "initimagecreativity", "initimage", "clipstopatlayer", "loras", "loraweights",
    "swarm_version", "aspectratio", "images", "date", "generation_time", "personalnote", "sidelength",
}  # fmt: skip


def _document(chunks: Chunks) -> dict[str, Any] | None:
    for key in _PLACES:
        if f'"{_PARAMS}"' in chunks.get(key, "") and isinstance((json_object(chunks[key]) or {}).get(_PARAMS), dict):
            return json_object(chunks[key])
    return None


def _sniff(chunks: Chunks) -> bool:
    return _document(chunks) is not None


def _first_set(params: dict[str, Any], name: str) -> Any:
    """Return a parameter under its own key or one of ComfyUI's."""
    return params.get(name) or params.get(f"comfyui{name}") or params.get(f"comfy{name}")


def _decode(chunks: Chunks) -> ParsedMetadata:
    params = part(_document(chunks), _PARAMS)
    builder = MetadataBuilder(f"SwarmUI {params.get('swarm_version') or ''}".strip())
    builder.foreign_prompts(params.get("prompt"), params.get("negativeprompt"))
    builder.take_all(params, _FIELDS)
    builder.sampler(_first_set(params, "sampler"), _first_set(params, "scheduler"))
    builder.strength(params.get("initimagecreativity"))
    # The number of the layer used, counted from the end: -1 skips none.
    stop = str(params.get("clipstopatlayer") or "")
    if stop.startswith("-") and stop[1:].isdigit():
        builder.take("clip_skip", int(stop[1:]) - 1 or None, "clipstopatlayer")
    builder.model(params.get("model"))
    builder.loras(params.get("loras"), params.get("loraweights"))
    builder.drop_rest(params, _KNOWN)
    return builder.build(size_from_pixels=True)


SWARMUI = ReadOnlyFormat(name="SwarmUI", sniff=_sniff, decode=_decode)
