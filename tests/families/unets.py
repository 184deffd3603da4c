"""Tiny models with a UNet as denoiser: all versions of Stable Diffusion, and Kandinsky."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.families import components

NO_CHECKER: Mapping[str, Any] = {
    "safety_checker": None, "feature_extractor": None, "requires_safety_checker": False,
}  # fmt: skip
DDIM: Mapping[str, Any] = {"clip_sample": False, "set_alpha_to_one": False}


def stable_diffusion(pipeline: str = "StableDiffusionPipeline", act: str = "quick_gelu", **changes: Any) -> Any:
    import diffusers

    words = components.tokenizer()
    return getattr(diffusers, pipeline)(
        unet=components.unet(**changes.pop("unet", {})), vae=components.vae(), tokenizer=words,
        text_encoder=components.clip(words, act=act),
        scheduler=changes.pop("scheduler", None) or components.scheduler("DDIMScheduler", **DDIM), **NO_CHECKER,
    )  # fmt: skip


def stable_diffusion_2() -> Any:
    return stable_diffusion(
        act="gelu", scheduler=components.scheduler("DDIMScheduler", prediction_type="v_prediction", **DDIM)
    )


def sd_turbo() -> Any:
    return stable_diffusion(
        act="gelu", scheduler=components.scheduler("EulerDiscreteScheduler", timestep_spacing="trailing")
    )


def pix2pix() -> Any:
    noisy = components.scheduler("EulerAncestralDiscreteScheduler")
    return stable_diffusion("StableDiffusionInstructPix2PixPipeline", unet={"in_channels": 8}, scheduler=noisy)


def latent_consistency() -> Any:
    levels = {"steps_offset": 0, "original_inference_steps": 50}
    return stable_diffusion(
        "LatentConsistencyModelPipeline", unet={"time_cond_proj_dim": 32},
        scheduler=components.scheduler("LCMScheduler", **levels),
    )  # fmt: skip


def sdxl(pipeline: str = "StableDiffusionXLPipeline", *, ids: int = 6, spacing: str = "leading", **changes: Any) -> Any:
    import diffusers

    words = components.tokenizer()
    first = components.clip(words, 16) if ids == 6 else None
    width = 32 + (16 if first else 0)
    network = components.unet(
        addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=8 * ids + 32,
        cross_attention_dim=width, use_linear_projection=True, transformer_layers_per_block=(1, 1), **changes,
    )  # fmt: skip
    more: dict[str, Any] = {} if first else {"requires_aesthetics_score": True, "force_zeros_for_empty_prompt": False}
    return getattr(diffusers, pipeline)(
        unet=network, vae=components.vae(), text_encoder=first, tokenizer=words if first else None,
        text_encoder_2=components.clip(words, projection=32, act="gelu"), tokenizer_2=words,
        scheduler=components.scheduler("EulerDiscreteScheduler", timestep_spacing=spacing), **more,
    )  # fmt: skip


def sdxl_refiner() -> Any:
    return sdxl("StableDiffusionXLImg2ImgPipeline", ids=5)


def sdxl_turbo() -> Any:
    return sdxl(spacing="trailing")


def sdxl_inpainting() -> Any:
    return sdxl("StableDiffusionXLInpaintPipeline", in_channels=9)


def kandinsky(pipeline: str = "KandinskyV22CombinedPipeline", channels: int = 4) -> Any:
    import diffusers
    from diffusers import (
        DDPMScheduler,
        PriorTransformer,
        UnCLIPScheduler,
        UNet2DConditionModel,
        VQModel,
    )
    from transformers import (
        CLIPImageProcessor,
        CLIPTextConfig,
        CLIPTextModelWithProjection,
        CLIPVisionConfig,
        CLIPVisionModelWithProjection,
    )

    words, width = components.tokenizer(), 32
    text = CLIPTextConfig(
        bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id, pad_token_id=words.eos_token_id,
        hidden_size=width, projection_dim=width, intermediate_size=37, num_attention_heads=4, num_hidden_layers=2,
        vocab_size=len(words),
    )  # fmt: skip
    vision = CLIPVisionConfig(
        hidden_size=width, image_size=32, projection_dim=width, intermediate_size=37, num_attention_heads=4,
        num_channels=3, num_hidden_layers=2, patch_size=8,
    )  # fmt: skip
    prior = PriorTransformer(num_attention_heads=2, attention_head_dim=12, embedding_dim=width, num_layers=1)
    unet = UNet2DConditionModel(
        in_channels=channels, out_channels=8, addition_embed_type="image", down_block_types=("ResnetDownsampleBlock2D",
        "SimpleCrossAttnDownBlock2D"), up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn", block_out_channels=(32, 64), layers_per_block=1,
        encoder_hid_dim=width, encoder_hid_dim_type="image_proj", cross_attention_dim=width, attention_head_dim=4,
        resnet_time_scale_shift="scale_shift", class_embed_type=None,
    )  # fmt: skip
    movq = VQModel(
        block_out_channels=(32,) * 4, down_block_types=("DownEncoderBlock2D",) * 3 + ("AttnDownEncoderBlock2D",),
        up_block_types=("AttnUpDecoderBlock2D",) + ("UpDecoderBlock2D",) * 3, num_vq_embeddings=12, vq_embed_dim=4,
        layers_per_block=1, norm_type="spatial", latent_channels=4,
    )  # fmt: skip
    levels = {"beta_schedule": "linear", "beta_start": 0.00085, "beta_end": 0.012, "clip_sample": False}
    return getattr(diffusers, pipeline)(
        unet=unet, movq=movq,
        scheduler=DDPMScheduler(**levels),
        prior_prior=prior, prior_image_encoder=CLIPVisionModelWithProjection(vision),
        prior_text_encoder=CLIPTextModelWithProjection(text), prior_tokenizer=words,
        prior_scheduler=UnCLIPScheduler(variance_type="fixed_small_log", prediction_type="sample",
                                        num_train_timesteps=1000, clip_sample_range=10.0),
        prior_image_processor=CLIPImageProcessor(crop_size=32, size=32),
    )  # fmt: skip
