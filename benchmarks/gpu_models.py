"""Models of the real shapes with random weights, created on the device, for `benchmarks/gpu.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

import invoke_cli
from invoke_cli.engine.loading.single_file import tokenizers

LAYOUTS = Path(invoke_cli.__file__).parent / "assets" / "layouts"
# The transformer of FLUX.1: Black Forest Labs' published configuration.
FLUX = {
    "num_layers": 19, "num_single_layers": 38, "attention_head_dim": 128, "num_attention_heads": 24,
    "joint_attention_dim": 4096, "pooled_projection_dim": 768, "guidance_embeds": True,
}  # fmt: skip
TOY_FLUX = {
    **FLUX, "num_layers": 1, "num_single_layers": 1, "attention_head_dim": 16, "num_attention_heads": 2,
    "joint_attention_dim": 32, "pooled_projection_dim": 32, "axes_dims_rope": (4, 4, 8), "in_channels": 4,
}  # fmt: skip


def write_model(layout: str, folder: Path, device: str, dtype: torch.dtype) -> Path:
    """Write a model of a layout (`sd1`, `sdxl`) with random weights into `folder`, and return the folder."""
    import diffusers
    import transformers

    source = LAYOUTS / layout
    index = json.loads((source / "model_index.json").read_text(encoding="utf-8"))
    parts: dict[str, Any] = dict(tokenizers(source))
    for name, entry in index.items():
        if not isinstance(entry, list) or entry[0] is None or name in parts:
            continue
        library = diffusers if entry[0] == "diffusers" else transformers
        cls = getattr(library, entry[1], None)
        if cls is not None and (source / name).is_dir():
            parts[name] = _component(cls, source / name, device, dtype)
    pipeline = getattr(diffusers, index["_class_name"])
    optional = dict.fromkeys(("safety_checker", "feature_extractor", "image_encoder"))
    accepted = {name: value for name, value in optional.items() if name in index}
    pipeline(**parts, **accepted, **({"requires_safety_checker": False} if layout == "sd1" else {})).save_pretrained(
        folder
    )
    return folder


def _component(cls: Any, folder: Path, device: str, dtype: torch.dtype) -> Any:
    if hasattr(cls, "config_class") and cls.config_class is not None:
        with torch.device(device):
            return cls(cls.config_class.from_pretrained(folder)).to(dtype)
    config = cls.load_config(folder)
    if not issubclass(cls, torch.nn.Module):
        return cls.from_config(config)
    with torch.device(device):
        return cls.from_config(config).to(dtype)


def flux_transformer(device: str, dtype: torch.dtype, *, toy: bool) -> Any:
    """Return a transformer of FLUX.1's shape with random weights on the device."""
    from diffusers import FluxTransformer2DModel

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            return FluxTransformer2DModel(**(TOY_FLUX if toy else FLUX)).eval().requires_grad_(False)
    finally:
        torch.set_default_dtype(before)
