"""Rows of the family table: FLUX.1 and FLUX.2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from invoke_cli.models import preview_factors
from invoke_cli.models.families.family import Family, StrengthRule
from invoke_cli.models.families.transformer import FLOW_MATCHING, FLUX_SAMPLERS
from invoke_cli.models.families.unet import WITHOUT_STRENGTH

_UNSUPPORTED: Mapping[str, str] = {**FLOW_MATCHING, "negative_prompt": "it is distilled and supports none"}
_UNSUPPORTED_INSTRUCTION: Mapping[str, str] = {**_UNSUPPORTED, **WITHOUT_STRENGTH}

_FLUX = Family(
    name="flux",
    label="FLUX.1 dev",
    pipelines=("FluxPipeline", "FluxImg2ImgPipeline", "FluxInpaintPipeline"),
    text_to_image="FluxPipeline",
    image_to_image="FluxImg2ImgPipeline",
    inpaint="FluxInpaintPipeline",
    native_size=1024,
    multiple=16,
    latent_channels=16,
    max_tokens=512,
    denoiser="transformer",
    flow=True,
    strength=StrengthRule.UP,
    refuses=_UNSUPPORTED,
    samplers=FLUX_SAMPLERS,
    preview=preview_factors.FLUX,
    defaults="-s 28 -C 3.5 -A k_euler -f 0.6",
)
_FLUX_2 = replace(
    _FLUX,
    name="flux-2",
    label="FLUX.2 dev",
    pipelines=("Flux2Pipeline",),
    text_to_image="Flux2Pipeline",
    image_to_image="Flux2Pipeline",
    inpaint="",
    latent_channels=32,
    is_instruction=True,
    strength=StrengthRule.NONE,
    refuses=_UNSUPPORTED_INSTRUCTION,
    preview=(),
    defaults="-s 50 -C 4 -A k_euler -f 1",
)

FLUX_FAMILIES: tuple[Family, ...] = (
    replace(
        _FLUX,
        name="flux-schnell",
        label="FLUX.1 schnell",
        match_config={"transformer.guidance_embeds": False},
        max_tokens=256,
        arguments={"max_sequence_length": 256},
        refuses={**_UNSUPPORTED, "guidance_scale": "it is distilled to run without guidance"},
        defaults="-s 4 -C 0 -A k_euler -f 0.6",
    ),
    _FLUX,
    replace(
        _FLUX,
        name="flux-fill",
        label="FLUX.1 Fill",
        pipelines=("FluxFillPipeline",),
        text_to_image="",
        image_to_image="",
        inpaint="FluxFillPipeline",
        defaults="-s 50 -C 30 -A k_euler -f 1",
    ),
    replace(
        _FLUX,
        name="flux-kontext",
        label="FLUX.1 Kontext",
        pipelines=("FluxKontextPipeline",),
        text_to_image="FluxKontextPipeline",
        image_to_image="FluxKontextPipeline",
        inpaint="",
        is_instruction=True,
        strength=StrengthRule.NONE,
        arguments={"_auto_resize": False},
        refuses=_UNSUPPORTED_INSTRUCTION,
        defaults="-s 28 -C 3.5 -A k_euler -f 1",
    ),
    replace(
        _FLUX_2,
        name="flux-2-klein",
        label="FLUX.2 klein",
        pipelines=("Flux2KleinPipeline",),
        text_to_image="Flux2KleinPipeline",
        image_to_image="Flux2KleinPipeline",
        defaults="-s 4 -C 1 -A k_euler -f 1",
    ),
    _FLUX_2,
)
