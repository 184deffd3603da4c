"""Tiny models with a transformer as denoiser."""

from __future__ import annotations

from typing import Any

from tests.families import components


def stable_diffusion_3() -> Any:
    from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline

    words, letters = components.tokenizer(), components.byte_tokenizer()
    return StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=32, patch_size=1, in_channels=16, num_layers=1, attention_head_dim=8, num_attention_heads=4,
            caption_projection_dim=32, joint_attention_dim=32, pooled_projection_dim=64, out_channels=16,
        ),
        scheduler=components.flow_scheduler(), vae=components.flow_vae(16),
        text_encoder=components.clip(words, 16, projection=32), tokenizer=words,
        text_encoder_2=components.clip(words, 16, projection=32, act="gelu"), tokenizer_2=words,
        text_encoder_3=components.t5(letters), tokenizer_3=letters,
    )  # fmt: skip


def flux(pipeline: str = "FluxPipeline", *, guidance: bool = True, channels: int = 16, **changes: Any) -> Any:
    import diffusers
    from diffusers import FluxTransformer2DModel

    words, letters = components.tokenizer(), components.byte_tokenizer()
    return getattr(diffusers, pipeline)(
        transformer=FluxTransformer2DModel(
            patch_size=1, in_channels=channels, out_channels=16, num_layers=1, num_single_layers=1,
            joint_attention_dim=32, pooled_projection_dim=32, guidance_embeds=guidance,
            **({"attention_head_dim": 16, "num_attention_heads": 2, "axes_dims_rope": [4, 4, 8]} | changes),
        ),
        scheduler=components.flow_scheduler(use_dynamic_shifting=guidance), vae=components.flow_vae(),
        text_encoder=components.clip(words), tokenizer=words, text_encoder_2=components.t5(letters),
        tokenizer_2=letters,
    )  # fmt: skip


def flux_of_full_width() -> Any:
    """Return one block of each kind, as wide as the real ones, since diffusers converts no others."""
    return flux(attention_head_dim=128, num_attention_heads=24, axes_dims_rope=[16, 56, 56])


def flux_schnell() -> Any:
    return flux(guidance=False)


def flux_fill() -> Any:
    return flux("FluxFillPipeline", channels=16 + 16 + 256)


def flux_kontext() -> Any:
    return flux("FluxKontextPipeline")


def _qwen3(words: Any, layers: int = 3) -> Any:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=layers, head_dim=8,
            num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=1024,
        )
    )  # fmt: skip


def _mistral3(words: Any) -> Any:
    """Return an encoder with as many layers as FLUX.2 reads: it takes the states of the layers 10, 20 and 30."""
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
    words = components.byte_tokenizer()
    return _flux_2("Flux2Pipeline", text_encoder=_mistral3(words), tokenizer=words, guidance=True)


def flux_2_klein() -> Any:
    words = components.byte_tokenizer()
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
        scheduler=components.flow_scheduler(), **encoder,
    )  # fmt: skip


def pixart(pipeline: str) -> Any:
    import diffusers
    from diffusers import PixArtTransformer2DModel

    letters = components.byte_tokenizer()
    return getattr(diffusers, pipeline)(
        transformer=PixArtTransformer2DModel(
            sample_size=8, num_layers=1, patch_size=2, attention_head_dim=8, num_attention_heads=3,
            caption_channels=32, in_channels=4, cross_attention_dim=24, out_channels=8, attention_bias=True,
            activation_fn="gelu-approximate", num_embeds_ada_norm=1000, norm_type="ada_norm_single",
            norm_elementwise_affine=False, norm_eps=1e-6, use_additional_conditions=False,
        ),
        vae=components.vae(), scheduler=components.scheduler("DPMSolverMultistepScheduler", steps_offset=0),
        text_encoder=components.t5(letters), tokenizer=letters,
    )  # fmt: skip


def sana() -> Any:
    from diffusers import AutoencoderDC, DPMSolverMultistepScheduler, SanaPipeline, SanaTransformer2DModel
    from transformers import Gemma2Config, Gemma2Model

    letters = components.byte_tokenizer()
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

    words = components.byte_tokenizer()
    return QwenImagePipeline(
        transformer=QwenImageTransformer2DModel(
            patch_size=2, in_channels=16, out_channels=4, num_layers=1, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=16, guidance_embeds=False, axes_dims_rope=(8, 4, 4),
        ),
        vae=AutoencoderKLQwenImage(
            base_dim=8, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
            latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
        ),
        scheduler=components.flow_scheduler(use_dynamic_shifting=True, shift=1.0), text_encoder=_qwen_vl(words),
        tokenizer=words,
    )  # fmt: skip


def z_image() -> Any:
    from diffusers import ZImagePipeline, ZImageTransformer2DModel

    words = components.byte_tokenizer()
    return ZImagePipeline(
        transformer=ZImageTransformer2DModel(
            all_patch_size=(2,), all_f_patch_size=(1,), in_channels=4, dim=32, n_layers=1, n_refiner_layers=1,
            n_heads=2, n_kv_heads=2, norm_eps=1e-5, qk_norm=True, cap_feat_dim=16, rope_theta=256.0, t_scale=1000.0,
            axes_dims=[8, 4, 4], axes_lens=[512, 32, 32],
        ),
        vae=components.flow_vae(), scheduler=components.flow_scheduler(), text_encoder=_qwen3(words), tokenizer=words,
    )  # fmt: skip
