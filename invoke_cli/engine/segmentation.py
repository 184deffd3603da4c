"""Find what a phrase names in an image with CLIPSeg, for text masks; knows nothing of how phrases are combined.

Lueddecke and Ecker, "Image Segmentation Using Text and Image Prompts" (2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from invoke_cli.engine.devices import Device
from invoke_cli.engine.loading.components import load_network
from invoke_cli.engine.loading.weights import FILE_ERRORS, WeightsOwner, first_line
from invoke_cli.engine.lru_cache import LRUCache
from invoke_cli.errors import ModelError
from invoke_cli.models.files.folder import weights_in

MAX_CACHED_MODELS = 1
_RESTORE = "download its folder again"


class Segmenter:
    """CLIPSeg; keeps the model of the last folder in memory."""

    def __init__(self) -> None:
        self._cache: LRUCache[tuple[Any, Any, Any]] = LRUCache(MAX_CACHED_MODELS)

    def heat_maps(
        self, folder: Path, image: Image.Image, phrases: Sequence[str], device: Device
    ) -> tuple[NDArray[np.float32], ...]:
        """Return a heat map of each phrase.

        Args:
            folder: A diffusers-style folder of CLIPSeg.
            image: An RGB image.
            phrases: What to look for; each is scored separately.
            device: Where the model runs, in float32.

        Returns:
            For each phrase a (height, width) float32 array, 0 to 1.
        """
        model, processor, tokenizer = self._cache.get(str(folder), lambda: _load(folder, device))
        pixels = processor(images=image, return_tensors="pt").pixel_values.to(device.torch_device)
        small = [self._heat_map(model, tokenizer, pixels, phrase, device) for phrase in phrases]
        size = (image.height, image.width)
        return tuple(
            torch.nn.functional.interpolate(heat_map, size, mode="bilinear")[0, 0].numpy() for heat_map in small
        )

    def _heat_map(self, model: Any, tokenizer: Any, pixels: torch.Tensor, phrase: str, device: Device) -> torch.Tensor:
        tokens = tokenizer([phrase], padding="max_length", truncation=True, return_tensors="pt").to(device.torch_device)
        with torch.no_grad():
            logits = model(pixel_values=pixels, input_ids=tokens.input_ids, attention_mask=tokens.attention_mask).logits
        return torch.sigmoid(logits).reshape(1, 1, *logits.shape[-2:]).float().cpu()

    def clear(self) -> None:
        """Unload the model."""
        self._cache.clear()


def _load(folder: Path, device: Device) -> tuple[Any, Any, Any]:
    from transformers import CLIPSegForImageSegmentation, CLIPTokenizer, ViTImageProcessorPil

    owner = WeightsOwner(name="CLIPSeg", field="text_mask", hint=_RESTORE)
    try:
        files = weights_in(folder, _RESTORE, "CLIPSeg model", "text_mask")
        model, _ = load_network(CLIPSegForImageSegmentation, folder, files, owner, dtype=torch.float32)
        processor = ViTImageProcessorPil.from_pretrained(folder, local_files_only=True)
        tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except FILE_ERRORS as error:
        raise ModelError(f"CLIPSeg in {folder} cannot be loaded: {first_line(error)}", hint=_RESTORE) from None
    return model.to(device.torch_device).eval(), processor, tokenizer
