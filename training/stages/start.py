"""The networks that a training starts from: the published autoencoder, and the published denoiser where it fits."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from training.text.tokenizer import load_tokenizer

PUBLISHED = Path(__file__).parent.parent.parent / "invoke_cli" / "assets" / "sketchbook"


def published_autoencoder(folder: Path = PUBLISHED) -> AutoencoderKL:
    """Return the published autoencoder, frozen, in float32."""
    vae = AutoencoderKL.from_pretrained(folder / "vae", local_files_only=True, dtype=torch.float32)
    vae.requires_grad_(False).eval().to(memory_format=torch.channels_last)
    return vae


def published_text(text_width: int, folder: Path = PUBLISHED) -> tuple[CLIPTokenizer, CLIPTextModel] | None:
    """Return the published tokenizer and text encoder, or None if their states have another width.

    A machine without the state of a training goes on with them, since the published denoiser reads what they write.
    """
    tower = CLIPTextModel.from_pretrained(folder / "text_encoder", local_files_only=True, dtype=torch.float32)
    if tower.config.hidden_size != text_width:
        return None
    tower.set_attn_implementation("eager")
    return load_tokenizer(folder / "tokenizer"), tower


def adapted_unet(text_width: int, folder: Path = PUBLISHED) -> UNet2DConditionModel:
    """Return the published denoiser for text states of a width.

    The weights that read text of another width start from random values; all others are as published.
    """
    known = UNet2DConditionModel.from_pretrained(folder / "unet", local_files_only=True, dtype=torch.float32)
    if known.config.cross_attention_dim == text_width:
        return known
    unet = UNet2DConditionModel.from_config({**known.config, "cross_attention_dim": text_width})
    fresh = unet.state_dict()
    fitting = {name: weight for name, weight in known.state_dict().items() if weight.shape == fresh[name].shape}
    unet.load_state_dict({**fresh, **fitting})
    return unet
