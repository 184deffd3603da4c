"""A tiny random Stable Diffusion of the real classes, in the diffusers layout: fast, with meaningless images."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def build_tiny_model(
    folder: Path, *, seed: int = 0, sample_size: int = 8, block: int = 16, channels: int = 4, early: bool = False
) -> Path:
    """Write the model into `folder` (native side: 8 x `sample_size` pixels) and return the folder.

    9 `channels` into the UNet make it an inpainting model. With `early` its first block reads the prompt, as that of
    Stable Diffusion 1.x does, instead of its last.
    """
    import torch
    from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(seed)
    blocks = ("CrossAttnDownBlock2D", "DownBlock2D")
    unet = UNet2DConditionModel(
        block_out_channels=(block, 2 * block),
        layers_per_block=1,
        sample_size=sample_size,
        in_channels=channels,
        out_channels=4,
        down_block_types=blocks if early else blocks[::-1],
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D") if early else ("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 16, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=4,
        layers_per_block=1,
        sample_size=8 * sample_size,
    )
    tokenizer = _tokenizer()
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.eos_token_id,
            hidden_size=32,
            intermediate_size=37,
            num_attention_heads=4,
            num_hidden_layers=2,
            vocab_size=len(tokenizer),
        )
    )
    scheduler = PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        set_alpha_to_one=False,
        skip_prk_steps=True,
        steps_offset=1,
    )
    pipeline = StableDiffusionPipeline(
        unet=unet,
        vae=vae,
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    return folder


def _tokenizer() -> Any:
    """A byte-level CLIP tokenizer without merges: every text can be encoded, letter by letter."""
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    symbols = list(bytes_to_unicode().values())
    words = [*symbols, *(f"{symbol}</w>" for symbol in symbols), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: index for index, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77, pad_token="<|endoftext|>")


def build_tiny_clipseg(folder: Path) -> Path:
    """Write a random CLIPSeg of the real classes into `folder` and return the folder."""
    import torch
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation, ViTImageProcessorPil

    torch.manual_seed(5)
    tokenizer = _tokenizer()
    words = {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id}
    small = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 3, "num_attention_heads": 4}
    config = CLIPSegConfig(
        text_config=small | words,
        vision_config=small | {"image_size": 64, "patch_size": 16},
        projection_dim=16,
        extract_layers=[0, 1, 2],
        reduce_dim=16,
        decoder_num_attention_heads=4,
        decoder_intermediate_size=32,
    )
    CLIPSegForImageSegmentation(config).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
