"""Tiny random control models of the real classes, for the tiny models."""

from __future__ import annotations

from pathlib import Path


def build_controlnet(folder: Path, model: Path, seed: int) -> Path:
    """Write a ControlNet for the UNet of a model into `folder` and return the folder; none of its layers is idle."""
    import torch
    from diffusers import ControlNetModel, UNet2DConditionModel

    torch.manual_seed(seed)
    unet = UNet2DConditionModel.from_pretrained(model / "unet", local_files_only=True)
    if unet.config.in_channels != 4:
        unet = UNet2DConditionModel.from_config({**unet.config, "in_channels": 4})
    network = ControlNetModel.from_unet(unet)
    for weights in network.parameters():
        if not weights.any():
            torch.nn.init.normal_(weights, std=0.3)
    network.save_pretrained(folder)
    return folder


def build_ip_adapter(folder: Path, model: Path) -> Path:
    """Write an IP-Adapter for the UNet of a model, and its image encoder beside it; returns the adapter's file."""
    import torch
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(4)
    unet = UNet2DConditionModel.from_pretrained(model / "unet", local_files_only=True)
    width = unet.config.cross_attention_dim
    tensors = {
        "image_proj.proj.weight": torch.randn(4 * width, 16),
        "image_proj.proj.bias": torch.randn(4 * width),
        "image_proj.norm.weight": torch.ones(width),
        "image_proj.norm.bias": torch.zeros(width),
    }
    reading = [part for name, part in unet.named_modules() if name.endswith("attn2")]
    places = [place for place, name in enumerate(unet.attn_processors) if name.endswith("attn2.processor")]
    for place, layer in zip(places, reading, strict=True):
        for letter in "kv":
            shape = getattr(layer, f"to_{letter}").weight.shape
            tensors[f"ip_adapter.{place}.to_{letter}_ip.weight"] = torch.randn(shape)
    small = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = CLIPVisionConfig(**small, image_size=32, patch_size=16, projection_dim=16)
    CLIPVisionModelWithProjection(config).save_pretrained(folder / "image_encoder")
    save_file(tensors, folder / "ip-adapter.safetensors")
    return folder / "ip-adapter.safetensors"


def build_t2i_adapter(folder: Path, seed: int, *, channels: tuple[int, ...] = (16, 32), sees: int = 3) -> Path:
    """Write a T2I-Adapter for UNets of these channels into `folder`; returns the folder."""
    import torch
    from diffusers import T2IAdapter

    torch.manual_seed(seed)
    adapter = T2IAdapter(in_channels=sees, channels=list(channels), num_res_blocks=1, downscale_factor=8)
    adapter.save_pretrained(folder)
    return folder
