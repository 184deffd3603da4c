"""Text masks: convert `-tm face AND NOT hair 0.4` to a mask of the init image. Loads only CLIPSeg."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import MODELS, Paths
from invoke_cli.errors import ModelError
from invoke_cli.language.switches.mask_query import evaluate, parse_mask_query, phrases

REPOSITORY = "CIDAS/clipseg-rd64-refined"
FOLDERS = ("clipseg", REPOSITORY.split("/")[1])


def text_mask(context: SessionContext, image: Image.Image, words: str) -> Image.Image:
    """Return the mask (mode L; 255 is painted) of the words in an image. Raises ModelError if CLIPSeg is missing."""
    query = parse_mask_query(words)
    named = phrases(query.tree)
    heat = context.engine.segment(clipseg_folder(context.settings.paths), image, named)
    found = dict(zip(named, heat, strict=True))
    value = evaluate(query.tree, found.__getitem__, np.minimum, np.maximum, lambda one: np.float32(1) - one)
    return Image.fromarray(np.where(value > query.threshold, np.uint8(255), np.uint8(0)))


def clipseg_folder(paths: Paths) -> Path:
    """Return the folder of the CLIPSeg weights: in the user's models folder, else in the cache of Hugging Face."""
    folders = paths.data_folders(MODELS)
    for folder in (folder / name for folder in folders for name in FOLDERS):
        if (folder / "config.json").is_file():
            return folder
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(REPOSITORY, "config.json")
    if isinstance(cached, str):
        return Path(cached).parent
    hint = f"download them once: hf download {REPOSITORY} --local-dir {folders[0] / FOLDERS[0]}; or use a mask with -M"
    raise ModelError("the CLIPSeg weights for -tm are missing", hint=hint, field="text_mask")
