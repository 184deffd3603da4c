"""Export the trained networks as an ordinary diffusers folder in float16, with preview factors."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline

from training.earlier.model_card import write_card
from training.earlier.pipeline import TrainedModel
from training.earlier.words import write_words
from training.networks.denoiser import build_scheduler

PREVIEW_FILE = "preview.json"


def build_pipeline(model: TrainedModel) -> StableDiffusionPipeline:
    """Return the networks as a pipeline, without a safety checker: the model cannot generate what one would detect."""
    pipeline = StableDiffusionPipeline(
        vae=model.encoders.vae,
        text_encoder=model.encoders.tower,
        tokenizer=model.encoders.tokenizer,
        unet=model.unet,
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def export(model: TrainedModel, folder: Path) -> int:
    """Write the folder. Return the size of its files in bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    pipeline = build_pipeline(model).to(dtype=torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True)
    tokenizer_files = (model.tokenizer_folder / name for name in ("vocab.json", "merges.txt"))
    for file in tokenizer_files:
        (folder / "tokenizer" / file.name).write_bytes(file.read_bytes())
    factors = {"rows": model.preview, "meaning": "RGB in 0..1 = scaled latents (4 channels) times rows 1-4, plus row 5"}
    (folder / PREVIEW_FILE).write_text(json.dumps(factors, indent=2) + "\n", encoding="utf-8")
    write_words(folder)
    remove_local_paths(folder)
    write_card(folder, _facts(model))
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def load_pipeline(folder: Path) -> StableDiffusionPipeline:
    """Load the pipeline of a folder, in float32 on the CPU."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _facts(model: TrainedModel) -> dict[str, str]:
    parts = {"text": model.encoders.tower, "unet": model.unet, "vae": model.encoders.vae}
    counts = {name: sum(weight.numel() for weight in part.parameters()) for name, part in parts.items()}
    return {
        "text_layers": str(model.encoders.tower.config.num_hidden_layers),
        "text_width": str(model.encoders.tower.config.hidden_size),
        "unet_channels": ", ".join(str(width) for width in model.unet.config.block_out_channels),
        "vae_channels": ", ".join(str(width) for width in model.encoders.vae.config.block_out_channels),
        **{f"{name}_parameters": f"{count / 1e6:.2f} M" for name, count in counts.items()},
    }


def remove_local_paths(folder: Path) -> None:
    """Remove local paths from the configurations."""
    for file in folder.rglob("*.json"):
        known = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(known, dict) and "_name_or_path" in known:
            del known["_name_or_path"]
            file.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
