"""Rows of the family table: models with a transformer, most of them sampled by flow matching."""

from __future__ import annotations

from collections.abc import Mapping

from invoke_cli.models import preview_factors
from invoke_cli.models.families.family import Family, StrengthRule
from invoke_cli.models.families.unet import ONE_BY_ONE, OWN_GUIDANCE, WITHOUT_STRENGTH

_POSITIONAL = "its transformer encodes positions, so opposite sides cannot join"
POSITIONAL: Mapping[str, str] = {"seamless": _POSITIONAL, "seamless_axes": _POSITIONAL}
NO_ETA: Mapping[str, str] = {"eta": "its samplers do not use it"}
LANGUAGE_MODEL: Mapping[str, str] = {"clip_skip": "its text encoder is not CLIP"}
COMMON: Mapping[str, str] = {**ONE_BY_ONE, **OWN_GUIDANCE, **POSITIONAL, **LANGUAGE_MODEL}
FLUX_SAMPLERS = ("k_euler", "unipc", "lcm")
FLOW_MATCHING: Mapping[str, str] = {**COMMON, **NO_ETA}
NO_STEP_CHANGES = "its pipeline does not allow changes between steps"


def _pixart(name: str, label: str, pipeline: str, max_tokens: int) -> Family:
    """Return the row of a PixArt model; the two differ in their pipeline class and token limit."""
    return Family(
        name=name,
        label=label,
        pipelines=(pipeline,),
        text_to_image=pipeline,
        native_size=1024,
        multiple=16,
        max_tokens=max_tokens,
        denoiser="transformer",
        arguments={"use_resolution_binning": False, "clean_caption": False},
        refuses={
            **COMMON,
            "threshold": NO_STEP_CHANGES,
            "h_symmetry_time_pct": NO_STEP_CHANGES,
            "v_symmetry_time_pct": NO_STEP_CHANGES,
        },
        scheduler_overrides={"clip_sample": False},
        preview=preview_factors.SD1 if name == "pixart-alpha" else preview_factors.SDXL,
        defaults="-s 20 -C 4.5 -A k_dpmpp_2",
    )


TRANSFORMER_FAMILIES: tuple[Family, ...] = (
    Family(
        name="stable-diffusion-3",
        label="Stable Diffusion 3 and 3.5",
        pipelines=(
            "StableDiffusion3Pipeline",
            "StableDiffusion3Img2ImgPipeline",
            "StableDiffusion3InpaintPipeline",
        ),
        text_to_image="StableDiffusion3Pipeline",
        image_to_image="StableDiffusion3Img2ImgPipeline",
        inpaint="StableDiffusion3InpaintPipeline",
        native_size=1024,
        multiple=16,
        latent_channels=16,
        max_tokens=256,
        denoiser="transformer",
        flow=True,
        strength=StrengthRule.UP,
        refuses=FLOW_MATCHING,
        samplers=("k_euler", "k_heun", "unipc", "k_dpmpp_2", "lcm"),
        preview=preview_factors.SD3,
        defaults="-s 28 -C 7 -A k_euler -f 0.6",
    ),
    _pixart("pixart-alpha", "PixArt Alpha", "PixArtAlphaPipeline", 120),
    _pixart("pixart-sigma", "PixArt Sigma", "PixArtSigmaPipeline", 300),
    Family(
        name="sana",
        label="Sana",
        pipelines=("SanaPipeline",),
        text_to_image="SanaPipeline",
        native_size=1024,
        multiple=32,
        latent_channels=32,
        latent_scale=32,
        max_tokens=300,
        denoiser="transformer",
        flow=True,
        arguments={"use_resolution_binning": False},
        refuses=FLOW_MATCHING,
        samplers=("k_dpmpp_2", "unipc", "k_euler"),
        defaults="-s 20 -C 4.5 -A k_dpmpp_2",
    ),
    Family(
        name="qwen-image-edit",
        label="Qwen-Image-Edit",
        pipelines=("QwenImageEditPipeline",),
        image_to_image="QwenImageEditPipeline",
        native_size=1024,
        multiple=16,
        latent_channels=16,
        max_tokens=1024,
        denoiser="transformer",
        flow=True,
        is_instruction=True,
        guidance="true_cfg_scale",
        without_negative=" ",
        strength=StrengthRule.NONE,
        refuses={**FLOW_MATCHING, **WITHOUT_STRENGTH},
        samplers=FLUX_SAMPLERS,
        defaults="-s 50 -C 4 -A k_euler -f 1",
    ),
    Family(
        name="qwen-image",
        label="Qwen-Image",
        pipelines=("QwenImagePipeline", "QwenImageImg2ImgPipeline", "QwenImageInpaintPipeline"),
        text_to_image="QwenImagePipeline",
        image_to_image="QwenImageImg2ImgPipeline",
        inpaint="QwenImageInpaintPipeline",
        native_size=1328,
        multiple=16,
        latent_channels=16,
        max_tokens=512,
        denoiser="transformer",
        flow=True,
        guidance="true_cfg_scale",
        without_negative=" ",
        strength=StrengthRule.UP,
        refuses=FLOW_MATCHING,
        samplers=FLUX_SAMPLERS,
        defaults="-s 50 -C 4 -A k_euler -f 0.6",
    ),
    Family(
        name="z-image",
        label="Z-Image",
        pipelines=("ZImagePipeline", "ZImageImg2ImgPipeline", "ZImageInpaintPipeline"),
        text_to_image="ZImagePipeline",
        image_to_image="ZImageImg2ImgPipeline",
        inpaint="ZImageInpaintPipeline",
        native_size=1024,
        multiple=16,
        latent_channels=16,
        max_tokens=512,
        denoiser="transformer",
        flow=True,
        strength=StrengthRule.UP,
        refuses=FLOW_MATCHING,
        samplers=("k_euler",),
        preview=preview_factors.FLUX,
        defaults="-s 50 -C 5 -A k_euler -f 0.6",
    ),
)
