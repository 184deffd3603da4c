"""Read NovelAI's metadata: PNG texts with a JSON `Comment`, or the same hidden in the alpha channel."""

from __future__ import annotations

from typing import Any

from invoke_cli.metadata.builder import MetadataBuilder, json_object, objects, part
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, ReadOnlyFormat

_FIELDS = {
    "steps": "num_inference_steps", "scale": "guidance_scale", "seed": "seeds", "width": "width", "height": "height",
    "cfg_rescale": "guidance_rescale",
}  # fmt: skip
_KNOWN = {
    *_FIELDS, "prompt", "uc", "sampler", "noise_schedule", "strength", "noise", "n_samples", "request_type",
    "signed_hash", "v4_prompt", "v4_negative_prompt", "version", "extra_noise_seed", "sm", "sm_dyn", "params_version",
    "uncond_scale", "dynamic_thresholding_percentile", "dynamic_thresholding_mimic_scale", "cfg_sched_eligibility",
    "prefer_brownian", "legacy", "legacy_v3_extend", "legacy_uc", "hide_debug_overlay", "qualityToggle", "ucPreset",
    "sampler_version", "explike_fine_detail", "minimize_sigma_inf", "uncond_per_vibe", "wonky_vibe_correlation",
    "add_original_image", "stream", "deliberate_euler_ancestral_bug", "dynamic_thresholding",
}  # fmt: skip


def _sniff(chunks: Chunks) -> bool:
    return chunks.get("Software") == "NovelAI" or "uc" in (json_object(chunks.get("Comment")) or {})


def _decode(chunks: Chunks) -> ParsedMetadata:
    comment = json_object(chunks.get("Comment")) or {}
    builder = MetadataBuilder("NovelAI")
    builder.foreign_prompts(comment.get("prompt") or chunks.get("Description"), comment.get("uc"))
    builder.take_all(comment, _FIELDS)
    builder.sampler(comment.get("sampler"), comment.get("noise_schedule"))
    if "Img2Img" in str(comment.get("request_type", "")) or "Infill" in str(comment.get("request_type", "")):
        builder.strength(comment.get("strength"))
        builder.drop("noise", comment.get("noise"))
    builder.model(chunks.get("Source"))
    _read_characters(builder, comment)
    for key in ("sm", "sm_dyn", "dynamic_thresholding"):
        builder.drop(key, comment.get(key))
    builder.drop_rest(comment, _KNOWN)
    return builder.build(size_from_pixels=True)


def _read_characters(builder: MetadataBuilder, comment: dict[str, Any]) -> None:
    """List the caption of each character, which version 4 stores beside the prompt, as missing."""
    for entry in objects(part(comment, "v4_prompt", "caption").get("char_captions")):
        builder.drop("character", entry.get("char_caption"))


NOVELAI = ReadOnlyFormat(name="NovelAI", sniff=_sniff, decode=_decode)
