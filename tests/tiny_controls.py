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
