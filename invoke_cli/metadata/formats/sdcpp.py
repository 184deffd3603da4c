"""Read stable-diffusion.cpp's metadata: A1111's text followed by unquoted JSON, which is preferred.

It is in the places of A1111's parameters, or in WebP's XMP.
"""

from __future__ import annotations

import json
from typing import Any

from invoke_cli.metadata.builder import MetadataBuilder, objects, part
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, ReadOnlyFormat
from invoke_cli.metadata.containers.xmp_properties import read_xmp
from invoke_cli.metadata.formats.a1111 import KEYWORD, PLACES, read_parameters

_MARK = "SDCPP:"
_XMP_PROPERTY = "sdcpp:parameters"


def _text(chunks: Chunks) -> str | None:
    for key in PLACES:
        if _MARK in chunks.get(key, "") or "stable-diffusion.cpp" in chunks.get(key, ""):
            return chunks[key].removeprefix(f"{KEYWORD}\0")
    return read_xmp(chunks).get(_XMP_PROPERTY)


def _sniff(chunks: Chunks) -> bool:
    return _text(chunks) is not None


def _decode(chunks: Chunks) -> ParsedMetadata:
    text, _, tail = (_text(chunks) or "").partition(_MARK)
    document = _parsed(tail)
    plain = text.rstrip().removesuffix(",")
    if document is None:
        return read_parameters(plain, "stable-diffusion.cpp")
    return _read(document, plain)


def _parsed(tail: str) -> dict[str, Any] | None:
    """Parse the object that the text begins with."""
    try:
        document, _ = json.JSONDecoder().raw_decode(tail.strip())
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _read(document: dict[str, Any], text: str) -> ParsedMetadata:
    builder = MetadataBuilder("stable-diffusion.cpp")
    sampling, prompt = part(document, "sampling"), part(document, "prompt")
    guidance = part(sampling, "guidance")
    builder.foreign_prompts(prompt.get("positive"), prompt.get("negative"))
    builder.take_all(document, {"seed": "seeds", "width": "width", "height": "height"})
    builder.take("num_inference_steps", sampling.get("steps"), "steps")
    builder.take("guidance_scale", guidance.get("txt_cfg"), "txt_cfg")
    builder.sampler(sampling.get("method"), sampling.get("scheduler"))
    # Counted as in A1111, from 1; 0 and less mean the model's default.
    skip = document.get("clip_skip")
    if isinstance(skip, int) and skip > 1:
        builder.take("clip_skip", skip - 1, "clip_skip")
    # The strength is always present; the mode shows whether it was used.
    if "img2img" in str(document.get("mode", "")):
        builder.strength(document.get("strength"))
    models = part(document, "models")
    builder.model(models.get("model") or models.get("diffusion_model") or read_parameters(text).facts.get("model"))
    for lora in objects(document.get("loras")):
        builder.lora(lora.get("name") or lora.get("path") or "?", lora.get("multiplier", lora.get("weight", "")))
    _drop_unsupported(builder, document)
    return builder.build()


def _drop_unsupported(builder: MetadataBuilder, document: dict[str, Any]) -> None:
    """Report the settings that this program has no equivalent of."""
    sampling = part(document, "sampling")
    for key in ("eta", "custom_sigmas"):
        builder.drop(key, sampling.get(key))
    for key in ("distilled_guidance", "slg"):
        builder.drop(key, part(sampling, "guidance").get(key))
    for key in ("hires", "cache", "vae_tiling"):
        if part(document, key).get("enabled", bool(document.get(key))):
            builder.drop(key, document.get(key))


SD_CPP = ReadOnlyFormat(name="stable-diffusion.cpp", sniff=_sniff, decode=_decode)
