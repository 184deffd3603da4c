"""IP-Adapters (image prompts): attached to a model for one job and removed afterwards, which restores the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

from invoke_cli.engine import Job
from invoke_cli.engine.control.cache import (
    RESTORE,
    ControlModelCache,
    incompatible,
    prepared,
    translated_errors,
    weights_owner,
)
from invoke_cli.engine.devices import Device
from invoke_cli.engine.loading.components import load_network
from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.models.control_models import Technique
from invoke_cli.models.files.folder import weights_in
from invoke_cli.planning.plan import ControlUse

_PARTS = ("image_proj", "ip_adapter")


@dataclass(frozen=True, kw_only=True, slots=True)
class _ImagePromptAdapter:
    """An adapter's tensors, by its two parts, and its CLIP image encoder with the preprocessor."""

    tensors: dict[str, dict[str, torch.Tensor]]
    encoder: Any
    processor: Any


class IPAdapters:
    """A cache of IP-Adapters."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._cache: ControlModelCache[_ImagePromptAdapter] = ControlModelCache(Technique.IP_ADAPTER, self._read)

    @contextmanager
    def attached(self, loaded: LoadedModel, job: Job) -> Iterator[LoadedModel]:
        """Attach the job's IP-Adapters and yield the model with their image embeddings.

        Raises:
            ModelError: An adapter does not fit the model, or cannot process its image.
        """
        wanted = self._cache.of_job(job)
        if not wanted:
            yield loaded
            return
        pipeline = loaded.pipeline
        try:
            yield replace(loaded, image_embeds=self._embeddings(loaded, wanted, guided=job.plan.guided))
        finally:
            pipeline.unload_ip_adapter()
            pipeline.register_modules(image_encoder=None, feature_extractor=None)

    def clear(self) -> None:
        """Remove all adapters."""
        self._cache.clear()

    def _embeddings(
        self, loaded: LoadedModel, wanted: Sequence[tuple[ControlUse, Image.Image]], *, guided: bool
    ) -> tuple[torch.Tensor, ...]:
        """Attach the adapters and return each one's image embedding: (1, 1, …), or (2, 1, …) with guidance."""
        pipeline, uses = loaded.pipeline, [use for use, _ in wanted]
        adapters = [self._cache.get(loaded, use) for use in uses]
        for use, each in zip(uses, adapters, strict=True):
            _check_fit(loaded, use, each)
        with translated_errors(loaded, uses[0]), torch.no_grad():
            pipeline.register_modules(image_encoder=adapters[0].encoder, feature_extractor=adapters[0].processor)
            pipeline.load_ip_adapter(
                [each.tensors for each in adapters], subfolder="", weight_name=[""] * len(adapters)
            )
            pipeline.set_ip_adapter_scale([use.weight for use in uses])
            images = [image for _, image in wanted]
            found = pipeline.prepare_ip_adapter_image_embeds(images, None, loaded.device, 1, guided)
            loaded.denoiser.encoder_hid_proj(found)  # run once now: a mismatch is reported before the first step
        return tuple(found)

    def _read(self, _: LoadedModel, use: ControlUse) -> _ImagePromptAdapter:
        tensors: dict[str, dict[str, torch.Tensor]] = {part: {} for part in _PARTS}
        for key, tensor in load_file(use.path).items():
            part, _dot, name = key.partition(".")
            if part not in tensors:
                raise ValueError(f"its tensor {key} does not belong to an IP-Adapter")
            tensors[part][name] = tensor
        folder = Path(use.encoder)
        encoder = load_network(
            CLIPVisionModelWithProjection,
            folder,
            weights_in(folder, RESTORE),
            weights_owner(use),
            dtype=self._device.dtype,
        )[0]
        side = encoder.config.image_size
        return _ImagePromptAdapter(
            tensors={part: tensors[part] for part in _PARTS},
            encoder=prepared(encoder, self._device),
            processor=CLIPImageProcessor(size=side, crop_size=side),
        )


def _check_fit(loaded: LoadedModel, use: ControlUse, adapter: _ImagePromptAdapter) -> None:
    """Check that the adapter has one layer per cross-attention layer, of the same width.

    Raises:
        ModelError: The number or the widths of the layers differ.
    """
    unet = loaded.denoiser
    cross_attention = [
        unet.get_submodule(name.removesuffix(".processor")) for name in unet.attn_processors if "attn2" in name
    ]
    keys = [value for name, value in adapter.tensors["ip_adapter"].items() if name.endswith("to_k_ip.weight")]
    if len(keys) != len(cross_attention):
        reason = f"it has {len(keys)} layers, the model has {len(cross_attention)} cross-attention layers"
        raise incompatible(loaded, use, reason)
    widths, expected = sorted(len(key) for key in keys), sorted(layer.inner_kv_dim for layer in cross_attention)
    if widths != expected:
        reason = f"its layers have width {_joined(widths)}, the model's cross-attention layers {_joined(expected)}"
        raise incompatible(loaded, use, reason)


def _joined(widths: Sequence[int]) -> str:
    return ", ".join(map(str, dict.fromkeys(widths)))
