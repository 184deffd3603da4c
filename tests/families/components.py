"""Tiny random components of the real classes, from which the tests build models."""

from __future__ import annotations

from typing import Any


def tokenizer(length: int = 77) -> Any:
    """Return CLIP's tokenizer without merges, which encodes text letter by letter."""
    from transformers import CLIPTokenizer

    words = [*_letters(), *(f"{letter}</w>" for letter in _letters()), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: index for index, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=length, pad_token="<|endoftext|>")


def byte_tokenizer() -> Any:
    """Return a tokenizer of a language model, which encodes text byte by byte, with a chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    marks = ["<pad>", "</s>", "<unk>", "<bos>"]
    vocabulary = {word: index for index, word in enumerate([*marks, *_letters()])}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    result = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", bos_token="<bos>"
    )
    result.chat_template = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    return result


def _letters() -> list[str]:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return list(bytes_to_unicode().values())


def clip(words: Any, width: int = 32, *, projection: int = 0, act: str = "quick_gelu") -> Any:
    """Return CLIP's text encoder, with a projection of its pooled output if a width is given for it."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id, pad_token_id=words.eos_token_id,
        hidden_size=width, intermediate_size=37, num_attention_heads=4, num_hidden_layers=3, vocab_size=len(words),
        hidden_act=act, projection_dim=projection or 512,
    )  # fmt: skip
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)(config)


def t5(words: Any, width: int = 32) -> Any:
    """Return T5's encoder."""
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(
        T5Config(vocab_size=len(words), d_model=width, d_kv=8, d_ff=37, num_layers=2, num_heads=4, is_gated_act=True)
    )


def unet(**changes: Any) -> Any:
    """Return the UNet of Stable Diffusion, with two blocks."""
    from diffusers import UNet2DConditionModel

    plain: dict[str, Any] = {
        "block_out_channels": (16, 32), "layers_per_block": 1, "sample_size": 8, "in_channels": 4, "out_channels": 4,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": 32, "attention_head_dim": 4, "norm_num_groups": 4,
    }  # fmt: skip
    return UNet2DConditionModel(**{**plain, **changes})


def vae(**changes: Any) -> Any:
    """Return the VAE of Stable Diffusion, with a scale of 8."""
    from diffusers import AutoencoderKL

    plain: dict[str, Any] = {
        "block_out_channels": (8, 16, 16, 16), "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4, "latent_channels": 4, "norm_num_groups": 4,
        "layers_per_block": 1, "sample_size": 64,
    }  # fmt: skip
    return AutoencoderKL(**{**plain, **changes})


def flow_vae(channels: int = 4) -> Any:
    """Return a VAE as flow models have it, with shifted latents and no convolutions around them."""
    return vae(
        latent_channels=channels, use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.06, scaling_factor=1.5
    )


def scheduler(name: str = "PNDMScheduler", **changes: Any) -> Any:
    """Return a scheduler with Stable Diffusion's noise levels."""
    import diffusers

    levels: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    return getattr(diffusers, name)(**{**levels, "steps_offset": 1, **changes})


def flow_scheduler(**changes: Any) -> Any:
    """Return the scheduler of flow models."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(**{"shift": 3.0, **changes})
