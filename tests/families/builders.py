"""A tiny random model of each family: the real pipeline classes with components of a few channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.families import diffusion_transformers as dits
from tests.families import unets

Folder = Callable[[str], Path]

BUILDERS: Mapping[str, Callable[[], Any]] = {
    "stable-diffusion": unets.stable_diffusion,
    "stable-diffusion-2": unets.stable_diffusion_2,
    "sd-turbo": unets.sd_turbo,
    "sdxl": unets.sdxl,
    "sdxl-refiner": unets.sdxl_refiner,
    "sdxl-turbo": unets.sdxl_turbo,
    "sdxl-inpainting": unets.sdxl_inpainting,
    "pix2pix": unets.pix2pix,
    "latent-consistency": unets.latent_consistency,
    "kandinsky-2.2": unets.kandinsky,
    "kandinsky-2.2-inpainting": lambda: unets.kandinsky("KandinskyV22InpaintCombinedPipeline", channels=9),
    "stable-diffusion-3": dits.stable_diffusion_3,
    "flux": dits.flux,
    "flux-schnell": dits.flux_schnell,
    "flux-fill": dits.flux_fill,
    "flux-kontext": dits.flux_kontext,
    "flux-2": dits.flux_2,
    "flux-2-klein": dits.flux_2_klein,
    "pixart-alpha": lambda: dits.pixart("PixArtAlphaPipeline"),
    "pixart-sigma": lambda: dits.pixart("PixArtSigmaPipeline"),
    "sana": dits.sana,
    "qwen-image": dits.qwen_image,
    "z-image": dits.z_image,
}


def build(name: str, folder: Path, seed: int = 0) -> Path:
    """Write the tiny model of this kind into `folder` and return the folder."""
    import torch

    torch.manual_seed(seed)
    BUILDERS[name]().save_pretrained(folder)
    return folder
