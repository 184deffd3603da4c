"""A tiny random model of each family: the real pipeline classes with components of a few channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.families import parts

NO_CHECKER: Mapping[str, Any] = {
    "safety_checker": None, "feature_extractor": None, "requires_safety_checker": False,
}  # fmt: skip
DDIM: Mapping[str, Any] = {"clip_sample": False, "set_alpha_to_one": False}


def _sd(pipeline: str = "StableDiffusionPipeline", act: str = "quick_gelu", **changes: Any) -> Any:
    import diffusers

    words = parts.tokenizer()
    return getattr(diffusers, pipeline)(
        unet=parts.unet(**changes.pop("unet", {})), vae=parts.vae(), tokenizer=words,
        text_encoder=parts.clip(words, act=act),
        scheduler=changes.pop("scheduler", None) or parts.scheduler("DDIMScheduler", **DDIM), **NO_CHECKER,
    )  # fmt: skip


def stable_diffusion_2() -> Any:
    return _sd(act="gelu", scheduler=parts.scheduler("DDIMScheduler", prediction_type="v_prediction", **DDIM))


def sd_turbo() -> Any:
    return _sd(act="gelu", scheduler=parts.scheduler("EulerDiscreteScheduler", timestep_spacing="trailing"))


def pix2pix() -> Any:
    noisy = parts.scheduler("EulerAncestralDiscreteScheduler")
    return _sd("StableDiffusionInstructPix2PixPipeline", unet={"in_channels": 8}, scheduler=noisy)


def latent_consistency() -> Any:
    levels = {"steps_offset": 0, "original_inference_steps": 50}
    return _sd(
        "LatentConsistencyModelPipeline", unet={"time_cond_proj_dim": 32},
        scheduler=parts.scheduler("LCMScheduler", **levels),
    )  # fmt: skip


def _sdxl(
    pipeline: str = "StableDiffusionXLPipeline", *, ids: int = 6, spacing: str = "leading", **changes: Any
) -> Any:
    import diffusers

    words = parts.tokenizer()
    first = parts.clip(words, 16) if ids == 6 else None
    width = 32 + (16 if first else 0)
    network = parts.unet(
        addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=8 * ids + 32,
        cross_attention_dim=width, use_linear_projection=True, transformer_layers_per_block=(1, 1), **changes,
    )  # fmt: skip
    more: dict[str, Any] = {} if first else {"requires_aesthetics_score": True, "force_zeros_for_empty_prompt": False}
    return getattr(diffusers, pipeline)(
        unet=network, vae=parts.vae(), text_encoder=first, tokenizer=words if first else None,
        text_encoder_2=parts.clip(words, projection=32, act="gelu"), tokenizer_2=words,
        scheduler=parts.scheduler("EulerDiscreteScheduler", timestep_spacing=spacing), **more,
    )  # fmt: skip


def sdxl_refiner() -> Any:
    return _sdxl("StableDiffusionXLImg2ImgPipeline", ids=5)


def sdxl_turbo() -> Any:
    return _sdxl(spacing="trailing")


def sdxl_inpainting() -> Any:
    return _sdxl("StableDiffusionXLInpaintPipeline", in_channels=9)


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

    words, width = parts.tokenizer(), 32
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


def stable_diffusion_3() -> Any:
    from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline

    words, letters = parts.tokenizer(), parts.byte_tokenizer()
    return StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=32, patch_size=1, in_channels=16, num_layers=1, attention_head_dim=8, num_attention_heads=4,
            caption_projection_dim=32, joint_attention_dim=32, pooled_projection_dim=64, out_channels=16,
        ),
        scheduler=parts.flow_scheduler(), vae=parts.flow_vae(16),
        text_encoder=parts.clip(words, 16, projection=32), tokenizer=words,
        text_encoder_2=parts.clip(words, 16, projection=32, act="gelu"), tokenizer_2=words,
        text_encoder_3=parts.t5(letters), tokenizer_3=letters,
    )  # fmt: skip


def _flux(pipeline: str = "FluxPipeline", *, guidance: bool = True, channels: int = 16, **changes: Any) -> Any:
    import diffusers
    from diffusers import FluxTransformer2DModel

    words, letters = parts.tokenizer(), parts.byte_tokenizer()
    return getattr(diffusers, pipeline)(
        transformer=FluxTransformer2DModel(
            patch_size=1, in_channels=channels, out_channels=16, num_layers=1, num_single_layers=1,
            joint_attention_dim=32, pooled_projection_dim=32, guidance_embeds=guidance,
            **({"attention_head_dim": 16, "num_attention_heads": 2, "axes_dims_rope": [4, 4, 8]} | changes),
        ),
        scheduler=parts.flow_scheduler(use_dynamic_shifting=guidance), vae=parts.flow_vae(),
        text_encoder=parts.clip(words), tokenizer=words, text_encoder_2=parts.t5(letters), tokenizer_2=letters,
    )  # fmt: skip


def flux_of_full_width() -> Any:
    """One block of each kind as wide as the real ones: diffusers converts no other."""
    return _flux(attention_head_dim=128, num_attention_heads=24, axes_dims_rope=[16, 56, 56])


def flux_schnell() -> Any:
    return _flux(guidance=False)


def flux_fill() -> Any:
    return _flux("FluxFillPipeline", channels=16 + 16 + 256)


def flux_kontext() -> Any:
    return _flux("FluxKontextPipeline")


def _qwen3(words: Any, layers: int = 3) -> Any:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=layers, head_dim=8,
            num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=1024,
        )
    )  # fmt: skip


def _mistral3(words: Any) -> Any:
    """As deep as FLUX.2 reads it: the states of the layers 10, 20 and 30."""
    from transformers import Mistral3Config, Mistral3ForConditionalGeneration

    small = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "head_dim": 8}
    return Mistral3ForConditionalGeneration(
        Mistral3Config(
            text_config={
                **small, "model_type": "mistral", "vocab_size": len(words), "num_hidden_layers": 31,
                "num_key_value_heads": 2, "max_position_embeddings": 1024,
            },
            vision_config={
                **small, "model_type": "pixtral", "num_hidden_layers": 1, "image_size": 28, "patch_size": 14,
            },
            image_token_index=2,
        )
    )  # fmt: skip


def flux_2() -> Any:
    words = parts.byte_tokenizer()
    return _flux_2("Flux2Pipeline", text_encoder=_mistral3(words), tokenizer=words, guidance=True)


def flux_2_klein() -> Any:
    words = parts.byte_tokenizer()
    return _flux_2("Flux2KleinPipeline", text_encoder=_qwen3(words, 27), tokenizer=words, guidance=False)


def _flux_2(pipeline: str, *, guidance: bool, **encoder: Any) -> Any:
    import diffusers
    from diffusers import AutoencoderKLFlux2, Flux2Transformer2DModel

    return getattr(diffusers, pipeline)(
        transformer=Flux2Transformer2DModel(
            patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
            num_attention_heads=2, joint_attention_dim=48, timestep_guidance_channels=256, axes_dims_rope=[4, 4, 4, 4],
            guidance_embeds=guidance,
        ),
        vae=AutoencoderKLFlux2(
            sample_size=32, down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(4, 4, 4, 4), layers_per_block=1, latent_channels=4, norm_num_groups=1,
        ),
        scheduler=parts.flow_scheduler(), **encoder,
    )  # fmt: skip


def _pixart(pipeline: str) -> Any:
    import diffusers
    from diffusers import PixArtTransformer2DModel

    letters = parts.byte_tokenizer()
    return getattr(diffusers, pipeline)(
        transformer=PixArtTransformer2DModel(
            sample_size=8, num_layers=1, patch_size=2, attention_head_dim=8, num_attention_heads=3,
            caption_channels=32, in_channels=4, cross_attention_dim=24, out_channels=8, attention_bias=True,
            activation_fn="gelu-approximate", num_embeds_ada_norm=1000, norm_type="ada_norm_single",
            norm_elementwise_affine=False, norm_eps=1e-6, use_additional_conditions=False,
        ),
        vae=parts.vae(), scheduler=parts.scheduler("DPMSolverMultistepScheduler", steps_offset=0),
        text_encoder=parts.t5(letters), tokenizer=letters,
    )  # fmt: skip


def sana() -> Any:
    from diffusers import AutoencoderDC, DPMSolverMultistepScheduler, SanaPipeline, SanaTransformer2DModel
    from transformers import Gemma2Config, Gemma2Model

    letters = parts.byte_tokenizer()
    blocks = [(8, 1, "ResBlock"), (8, 1, "ResBlock"), (8, 1, "ResBlock"), (8, 1, "ResBlock"), (8, 1, "ResBlock"),
              (8, 1, "ResBlock")]  # fmt: skip
    widths, layers, kinds = (tuple(column) for column in zip(*blocks, strict=True))
    return SanaPipeline(
        transformer=SanaTransformer2DModel(
            patch_size=1, in_channels=4, out_channels=4, num_layers=1, num_attention_heads=2, attention_head_dim=4,
            num_cross_attention_heads=2, cross_attention_head_dim=4, cross_attention_dim=8, caption_channels=8,
            sample_size=32,
        ),
        vae=AutoencoderDC(
            in_channels=3, latent_channels=4, attention_head_dim=2, encoder_block_types=kinds,
            decoder_block_types=kinds, encoder_block_out_channels=widths, decoder_block_out_channels=widths,
            encoder_layers_per_block=layers, decoder_layers_per_block=layers, encoder_qkv_multiscales=((),) * 6,
            decoder_qkv_multiscales=((),) * 6, downsample_block_type="conv", upsample_block_type="interpolate",
            decoder_norm_types="rms_norm", decoder_act_fns="silu", scaling_factor=0.41407,
        ),
        scheduler=DPMSolverMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0, solver_order=2
        ),
        text_encoder=Gemma2Model(
            Gemma2Config(
                vocab_size=len(letters), hidden_size=8, intermediate_size=16, num_hidden_layers=1, head_dim=8,
                num_attention_heads=2, num_key_value_heads=2,
            )
        ),
        tokenizer=letters,
    )  # fmt: skip


def _qwen_vl(words: Any) -> Any:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    return Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(
            text_config={
                "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
                "num_key_value_heads": 2, "vocab_size": len(words), "max_position_embeddings": 2048,
                "rope_parameters": {"mrope_section": [1, 1, 2], "rope_type": "default", "rope_theta": 1e6},
            },
            vision_config={
                "depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16,
                "patch_size": 14,
            },
            hidden_size=16, vocab_size=len(words), vision_start_token_id=4, vision_end_token_id=5,
            image_token_id=6, video_token_id=7, vision_token_id=8,
        )
    )  # fmt: skip


def qwen_image() -> Any:
    from diffusers import AutoencoderKLQwenImage, QwenImagePipeline, QwenImageTransformer2DModel

    words = parts.byte_tokenizer()
    return QwenImagePipeline(
        transformer=QwenImageTransformer2DModel(
            patch_size=2, in_channels=16, out_channels=4, num_layers=1, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=16, guidance_embeds=False, axes_dims_rope=(8, 4, 4),
        ),
        vae=AutoencoderKLQwenImage(
            base_dim=8, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
            latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
        ),
        scheduler=parts.flow_scheduler(use_dynamic_shifting=True, shift=1.0), text_encoder=_qwen_vl(words),
        tokenizer=words,
    )  # fmt: skip


def z_image() -> Any:
    from diffusers import ZImagePipeline, ZImageTransformer2DModel

    words = parts.byte_tokenizer()
    return ZImagePipeline(
        transformer=ZImageTransformer2DModel(
            all_patch_size=(2,), all_f_patch_size=(1,), in_channels=4, dim=32, n_layers=1, n_refiner_layers=1,
            n_heads=2, n_kv_heads=2, norm_eps=1e-5, qk_norm=True, cap_feat_dim=16, rope_theta=256.0, t_scale=1000.0,
            axes_dims=[8, 4, 4], axes_lens=[512, 32, 32],
        ),
        vae=parts.flow_vae(), scheduler=parts.flow_scheduler(), text_encoder=_qwen3(words), tokenizer=words,
    )  # fmt: skip


BUILDERS: Mapping[str, Callable[[], Any]] = {
    "stable-diffusion": _sd,
    "stable-diffusion-2": stable_diffusion_2,
    "sd-turbo": sd_turbo,
    "sdxl": _sdxl,
    "sdxl-refiner": sdxl_refiner,
    "sdxl-turbo": sdxl_turbo,
    "sdxl-inpainting": sdxl_inpainting,
    "pix2pix": pix2pix,
    "latent-consistency": latent_consistency,
    "kandinsky-2.2": kandinsky,
    "kandinsky-2.2-inpainting": lambda: kandinsky("KandinskyV22InpaintCombinedPipeline", channels=9),
    "stable-diffusion-3": stable_diffusion_3,
    "flux": _flux,
    "flux-schnell": flux_schnell,
    "flux-fill": flux_fill,
    "flux-kontext": flux_kontext,
    "flux-2": flux_2,
    "flux-2-klein": flux_2_klein,
    "pixart-alpha": lambda: _pixart("PixArtAlphaPipeline"),
    "pixart-sigma": lambda: _pixart("PixArtSigmaPipeline"),
    "sana": sana,
    "qwen-image": qwen_image,
    "z-image": z_image,
}


def build(name: str, folder: Path, seed: int = 0) -> Path:
    """Write the tiny model of this kind into `folder`; returns the folder."""
    import torch

    torch.manual_seed(seed)
    BUILDERS[name]().save_pretrained(folder)
    return folder
