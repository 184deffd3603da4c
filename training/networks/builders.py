"""The four networks as small instances of diffusers' classes, and their initialisation.

The autoencoder starts close to an average over 8 x 8 pixels: its residual branches are zero, its downsamplers are 2 x 2
boxes, its upsamplers copy. This is worth more than ten times the steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel


@dataclass(frozen=True, kw_only=True)
class Widths:
    """The widths of the networks: channels per level of the autoencoder and the UNet, and of the text encoder."""

    autoencoder: tuple[int, ...]
    unet: tuple[int, ...]
    text: int
    text_layers: int


def build_autoencoder(widths: Widths) -> AutoencoderKL:
    """Return an autoencoder with 4 latent channels at an eighth of the image's side, without attention."""
    levels = len(widths.autoencoder)
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=widths.autoencoder,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=2,
        sample_size=256,
        mid_block_add_attention=False,
        force_upcast=False,
    )
    _start_as_average(vae)
    return vae


def build_unet(widths: Widths) -> UNet2DConditionModel:
    """Return a UNet of three levels for 32 x 32 latents, with cross-attention in the two lower levels."""
    unet = UNet2DConditionModel(
        sample_size=32,
        block_out_channels=widths.unet,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=widths.text,
        attention_head_dim=4,
        norm_num_groups=8,
    )
    _zero_residual_outputs(unet)
    return unet


def build_text_tower(widths: Widths, vocabulary: int, end_id: int) -> CLIPTextModel:
    """Return a text encoder for 77 tokens; `end_id` ends and pads."""
    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=widths.text,
        intermediate_size=widths.text * 4,
        num_hidden_layers=widths.text_layers,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=widths.text,
        bos_token_id=end_id - 1,
        eos_token_id=end_id,
        pad_token_id=end_id,
    )
    return CLIPTextModel(config)


@torch.no_grad()
def _start_as_average(vae: AutoencoderKL) -> None:
    for name, module in vae.named_modules():
        if name.endswith("conv2"):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
        elif name.endswith("downsamplers.0.conv"):
            nn.init.zeros_(module.weight)
            for channel in range(module.weight.shape[0]):
                module.weight[channel, channel, :2, :2] = 0.25
        elif name.endswith("upsamplers.0.conv"):
            nn.init.dirac_(module.weight)
        elif name.endswith("conv_shortcut"):
            nn.init.orthogonal_(module.weight.view(module.weight.shape[0], -1))
    vae.quant_conv.weight[4:].zero_()
    vae.quant_conv.bias[4:].fill_(-5.0)


@torch.no_grad()
def _zero_residual_outputs(unet: UNet2DConditionModel) -> None:
    """Zero the last layer of every residual branch, as in the original latent diffusion code, unlike diffusers."""
    for name, module in unet.named_modules():
        if name.endswith(("conv2", "proj_out")) or name == "conv_out":
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
