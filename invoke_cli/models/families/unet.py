"""Rows of the family table: models with a UNet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from invoke_cli.models import preview_factors
from invoke_cli.models.families.family import Family, StrengthRule

OVERRIDES: Mapping[str, object] = {
    "clip_sample": False,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
}
WITHOUT_STRENGTH: Mapping[str, str] = {
    "strength": "it follows the prompt as an instruction and has no strength",
    "real_steps": "it follows the prompt as an instruction, so all steps run",
}
ONE_BY_ONE: Mapping[str, str] = {"parallel": "it generates one image at a time"}
OWN_CLIP: Mapping[str, str] = {"clip_skip": "its pipeline always uses the last layer of the text encoder"}
OWN_GUIDANCE: Mapping[str, str] = {"guidance_rescale": "its pipeline computes guidance itself"}

_SD = Family(
    name="stable-diffusion",
    label="Stable Diffusion 1.x",
    pipelines=("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline", "StableDiffusionInpaintPipeline"),
    text_to_image="StableDiffusionPipeline",
    image_to_image="StableDiffusionImg2ImgPipeline",
    inpaint="StableDiffusionInpaintPipeline",
    controlled={
        "StableDiffusionPipeline": "StableDiffusionControlNetPipeline",
        "StableDiffusionImg2ImgPipeline": "StableDiffusionControlNetImg2ImgPipeline",
        "StableDiffusionInpaintPipeline": "StableDiffusionControlNetInpaintPipeline",
    },
    native_size=512,
    staged=True,
    scheduler_overrides=OVERRIDES,
    preview=preview_factors.SD1,
    defaults="-A k_lms",
)
_SDXL = Family(
    name="sdxl",
    label="Stable Diffusion XL",
    pipelines=("StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline", "StableDiffusionXLInpaintPipeline"),
    text_to_image="StableDiffusionXLPipeline",
    image_to_image="StableDiffusionXLImg2ImgPipeline",
    inpaint="StableDiffusionXLInpaintPipeline",
    controlled={
        "StableDiffusionXLPipeline": "StableDiffusionXLControlNetPipeline",
        "StableDiffusionXLImg2ImgPipeline": "StableDiffusionXLControlNetImg2ImgPipeline",
        "StableDiffusionXLInpaintPipeline": "StableDiffusionXLControlNetInpaintPipeline",
    },
    united={
        "StableDiffusionXLPipeline": "StableDiffusionXLControlNetUnionPipeline",
        "StableDiffusionXLImg2ImgPipeline": "StableDiffusionXLControlNetUnionImg2ImgPipeline",
        "StableDiffusionXLInpaintPipeline": "StableDiffusionXLControlNetUnionInpaintPipeline",
    },
    native_size=1024,
    staged=True,
    upcasts=True,
    scheduler_overrides=OVERRIDES,
    preview=preview_factors.SDXL,
    defaults="-C 5 -A k_euler",
)
_KANDINSKY = Family(
    name="kandinsky-2.2",
    label="Kandinsky 2.2",
    pipelines=(
        "KandinskyV22CombinedPipeline",
        "KandinskyV22Img2ImgCombinedPipeline",
        "KandinskyV22InpaintCombinedPipeline",
        "KandinskyV22Pipeline",
        "KandinskyV22Img2ImgPipeline",
        "KandinskyV22InpaintPipeline",
    ),
    text_to_image="KandinskyV22CombinedPipeline",
    image_to_image="KandinskyV22Img2ImgCombinedPipeline",
    native_size=512,
    multiple=64,
    vae="movq",
    required_components=("prior_prior",),
    samplers=("ddpm",),
    refuses={
        **ONE_BY_ONE,
        **OWN_CLIP,
        **OWN_GUIDANCE,
        "eta": "its sampler does not use it",
        "seamless": "its decoder encodes positions, so opposite sides cannot join",
        "seamless_axes": "its decoder encodes positions, so opposite sides cannot join",
        "vae_tiling": "its decoder does not support tiles",
    },
    defaults="-s 50 -C 4 -A ddpm",
)
_TRAILING: Mapping[str, object] = {"scheduler.timestep_spacing": "trailing"}
_OPEN_CLIP: Mapping[str, object] = {"text_encoder.hidden_act": "gelu"}

UNET_FAMILIES: tuple[Family, ...] = (
    replace(
        _SD,
        name="sd-turbo",
        label="SD Turbo",
        match_config={**_OPEN_CLIP, **_TRAILING},
        defaults="-s 1 -C 0 -A k_euler",
    ),
    replace(_SD, name="stable-diffusion-2", label="Stable Diffusion 2.x", match_config=_OPEN_CLIP, native_size=768),
    _SD,
    replace(
        _SDXL,
        name="sdxl-refiner",
        label="Stable Diffusion XL refiner",
        match_config={"index.requires_aesthetics_score": True},
        text_to_image="",
        controlled={},
        defaults="-C 5 -A k_euler -f 0.3",
    ),
    replace(
        _SDXL,
        name="sdxl-turbo",
        label="Stable Diffusion XL Turbo or Lightning",
        match_config=_TRAILING,
        native_size=512,
        defaults="-s 4 -C 0 -A k_euler",
    ),
    _SDXL,
    Family(
        name="pix2pix",
        label="InstructPix2Pix",
        pipelines=("StableDiffusionInstructPix2PixPipeline",),
        image_to_image="StableDiffusionInstructPix2PixPipeline",
        native_size=512,
        is_instruction=True,
        strength=StrengthRule.NONE,
        refuses={**WITHOUT_STRENGTH, **ONE_BY_ONE, **OWN_CLIP, **OWN_GUIDANCE},
        scheduler_overrides=OVERRIDES,
        preview=preview_factors.SD1,
        defaults="-A k_euler_a -f 1",
    ),
    Family(
        name="latent-consistency",
        label="Latent Consistency",
        pipelines=("LatentConsistencyModelPipeline", "LatentConsistencyModelImg2ImgPipeline"),
        text_to_image="LatentConsistencyModelPipeline",
        image_to_image="LatentConsistencyModelImg2ImgPipeline",
        native_size=512,
        strength=StrengthRule.SHORT,
        samplers=("lcm",),
        refuses={
            "negative_prompt": "it is distilled and supports none",
            "real_steps": "all steps of its schedule always run",
            "eta": "its sampler does not use it",
            **ONE_BY_ONE,
            **OWN_CLIP,
            **OWN_GUIDANCE,
        },
        scheduler_overrides=OVERRIDES,
        preview=preview_factors.SD1,
        defaults="-s 4 -C 8.5 -A lcm -f 0.8",
    ),
    replace(
        _KANDINSKY,
        name="kandinsky-2.2-inpainting",
        label="Kandinsky 2.2 inpainting",
        match_config={"unet.in_channels": 9},
        text_to_image="",
        image_to_image="",
        inpaint="KandinskyV22InpaintCombinedPipeline",
        paints_whole=True,
    ),
    _KANDINSKY,
    Family(
        name="x4-upscaler",
        label="x4 upscaler",
        pipelines=("StableDiffusionUpscalePipeline",),
        native_size=512,
        alternative="it enlarges images: use it with --sr",
    ),
    Family(
        name="x2-latent-upscaler",
        label="x2 latent upscaler",
        pipelines=("StableDiffusionLatentUpscalePipeline",),
        native_size=512,
        alternative="it enlarges latents: use it with --latent_up",
    ),
)
