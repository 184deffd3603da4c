"""Tiny random diffusion upscalers and networks of the real classes: fast, with meaningless images."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.tiny_models import _tokenizer


def build_latent_upscaler(folder: Path, vae: Path | None = None) -> Path:
    """An x2 latent upscaler; with the autoencoder in `vae`, if that is given."""
    import torch
    from diffusers import EulerDiscreteScheduler, StableDiffusionLatentUpscalePipeline, UNet2DConditionModel

    torch.manual_seed(3)
    unet = UNet2DConditionModel(
        act_fn="gelu",
        attention_head_dim=8,
        norm_num_groups=None,
        block_out_channels=(32, 32, 64, 64),
        time_cond_proj_dim=160,
        conv_in_kernel=1,
        conv_out_kernel=1,
        cross_attention_dim=32,
        down_block_types=("KDownBlock2D", *("KCrossAttnDownBlock2D",) * 3),
        in_channels=8,
        mid_block_type=None,
        out_channels=5,
        resnet_time_scale_shift="scale_shift",
        time_embedding_type="fourier",
        timestep_post_act="gelu",
        up_block_types=(*("KCrossAttnUpBlock2D",) * 3, "KUpBlock2D"),
    )
    StableDiffusionLatentUpscalePipeline(
        unet=unet,
        vae=_vae(4),
        tokenizer=_tokenizer(),
        text_encoder=_text_encoder(),
        scheduler=EulerDiscreteScheduler(prediction_type="sample"),
    ).save_pretrained(folder)
    if vae is not None:
        shutil.rmtree(folder / "vae")
        shutil.copytree(vae, folder / "vae")
    return folder


def build_x4_upscaler(folder: Path) -> Path:
    """An x4 upscaler."""
    import torch
    from diffusers import DDIMScheduler, DDPMScheduler, StableDiffusionUpscalePipeline, UNet2DConditionModel

    torch.manual_seed(4)
    unet = UNet2DConditionModel(
        block_out_channels=(16, 16, 32),
        layers_per_block=1,
        sample_size=16,
        in_channels=7,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=8,
        norm_num_groups=4,
        num_class_embeds=100,
    )
    StableDiffusionUpscalePipeline(
        unet=unet,
        vae=_vae(3),
        tokenizer=_tokenizer(),
        text_encoder=_text_encoder(),
        low_res_scheduler=DDPMScheduler(),
        scheduler=DDIMScheduler(prediction_type="v_prediction"),
        max_noise_level=50,
    ).save_pretrained(folder)
    return folder


def build_network(path: Path) -> Path:
    """A 4x ESRGAN of two blocks, in the layout that its authors publish."""
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(5)
    width, growth = 8, 32  # spandrel knows no other growth

    def convolution(name: str, out: int, into: int) -> dict[str, Any]:
        weight = torch.randn((out, into, 3, 3), generator=generator) * 0.1
        return {f"{name}.weight": weight, f"{name}.bias": torch.zeros(out)}

    state = convolution("conv_first", width, 3)
    for block in range(2):
        for part in (1, 2, 3):
            for index in range(5):
                out = growth if index < 4 else width
                state |= convolution(f"body.{block}.rdb{part}.conv{index + 1}", out, width + index * growth)
    for name in ("conv_body", "conv_up1", "conv_up2", "conv_hr"):
        state |= convolution(name, width, width)
    state |= convolution("conv_last", 3, width)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, path)
    return path


def _text_encoder() -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel

    tokenizer = _tokenizer()
    return CLIPTextModel(
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


def _vae(blocks: int) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 16, 16, 16)[:blocks],
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        latent_channels=4,
        norm_num_groups=4,
        layers_per_block=1,
    )


def build_face_network(tool: str, path: Path) -> Path:
    """A network for faces in its full size with random weights; `tool` is "gfpgan" or "codeformer"."""
    from importlib import import_module

    import torch

    torch.manual_seed(5)
    if tool == "gfpgan":
        arch = import_module("spandrel.architectures.GFPGAN.__arch.gfpganv1_clean_arch")
        network = arch.GFPGANv1Clean(
            out_size=512, num_style_feat=512, channel_multiplier=2, fix_decoder=False,
            num_mlp=8, input_is_latent=True, different_w=True, narrow=1, sft_half=True,
        )  # fmt: skip
    else:
        network = import_module("spandrel_extra_arches.architectures.CodeFormer.__arch.codeformer").CodeFormer()
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"params_ema": network.state_dict()}, path)
    return path
