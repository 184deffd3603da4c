"""Write the model as trained so far: an ordinary diffusers folder in float16."""

from __future__ import annotations

from pathlib import Path

import torch

from training.earlier.export import PREVIEW_FILE, remove_local_paths
from training.networks.attention import PlainAttention
from training.stages.plan import PLAN, Plan
from training.stages.samples import pipeline_of
from training.stages.start import PUBLISHED
from training.stages.training import Places, latest_unet, prepared_maker

TOKENIZER_FILES = ("vocab.json", "merges.txt")


def write_model(places: Places, folder: Path, plan: Plan = PLAN) -> tuple[str, int]:
    """Write the averaged weights of the latest checkpoint, and everything they need.

    Return the name of their stage and the size of the files in bytes. The model card is left to whoever measures it.
    """
    maker = prepared_maker(places, plan)
    unet, stage = latest_unet(places, plan)
    # Weights are saved the same for any attention, but in the ordinary memory format.
    unet.to(memory_format=torch.contiguous_format).set_attn_processor(PlainAttention())
    maker.vae.to(memory_format=torch.contiguous_format)
    folder.mkdir(parents=True, exist_ok=True)
    pipeline_of(maker, unet).to(dtype=torch.float16).save_pretrained(folder, safe_serialization=True)
    source = places.state / "tokenizer"
    for name in TOKENIZER_FILES:
        kept = source / name if source.exists() else PUBLISHED / "tokenizer" / name
        (folder / "tokenizer" / name).write_bytes(kept.read_bytes())
    (folder / PREVIEW_FILE).write_bytes((PUBLISHED / PREVIEW_FILE).read_bytes())
    remove_local_paths(folder)
    return stage, sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
