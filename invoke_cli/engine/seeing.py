"""Pictures as prompts (IP-Adapter): put on a loaded model for one job, and off again, which gives the model back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

from invoke_cli.engine import Job
from invoke_cli.engine.caches import RecentlyUsed
from invoke_cli.engine.devices import Device
from invoke_cli.engine.loading import LoadedModel
from invoke_cli.errors import ModelError
from invoke_cli.models.controls import Technique
from invoke_cli.planning.plan import ControlUse

KEPT = 2
_PARTS = ("image_proj", "ip_adapter")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Eyes:
    """An adapter's tensors by its two parts, and the network that sees for it."""

    tensors: dict[str, dict[str, torch.Tensor]]
    encoder: Any
    processor: Any


class ImagePrompts:
    """The adapters that were used last, in memory."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._kept: RecentlyUsed[_Eyes] = RecentlyUsed(KEPT)

    @contextmanager
    def seen(self, loaded: LoadedModel, job: Job) -> Iterator[LoadedModel]:
        """The model with the pictures that the job's plan has as prompts; ModelError when they cannot be seen."""
        pairs = zip(job.plan.controls, job.guides, strict=True)
        wanted = [(use, image) for use, image in pairs if use.technique is Technique.IP_ADAPTER]
        if not wanted:
            yield loaded
            return
        pipeline = loaded.pipeline
        try:
            yield replace(loaded, seen=self._embeddings(loaded, wanted, guided=job.plan.guided))
        finally:
            pipeline.unload_ip_adapter()
            pipeline.register_modules(image_encoder=None, feature_extractor=None)

    def clear(self) -> None:
        """Forget all of them."""
        self._kept.clear()

    def _embeddings(
        self, loaded: LoadedModel, wanted: Sequence[tuple[ControlUse, Image.Image]], *, guided: bool
    ) -> tuple[torch.Tensor, ...]:
        """What the adapters, put on the model, see in their pictures: (1 or 2, 1, …) each."""
        pipeline, uses = loaded.pipeline, [use for use, _ in wanted]
        eyes = [self._kept.get((use.path, use.sha256), partial(self._load, loaded, use)) for use in uses]
        try:
            pipeline.register_modules(image_encoder=eyes[0].encoder, feature_extractor=eyes[0].processor)
            pipeline.load_ip_adapter([each.tensors for each in eyes], subfolder="", weight_name=[""] * len(eyes))
            pipeline.set_ip_adapter_scale([use.weight for use in uses])
            with torch.no_grad():
                images = [image for _, image in wanted]
                found = pipeline.prepare_ip_adapter_image_embeds(images, None, loaded.place, 1, guided)
        except (ValueError, KeyError, RuntimeError) as error:
            raise _unusable(loaded, uses[0], error) from None
        return tuple(found)

    def _load(self, loaded: LoadedModel, use: ControlUse) -> _Eyes:
        tensors: dict[str, dict[str, torch.Tensor]] = {part: {} for part in _PARTS}
        try:
            for key, tensor in load_file(use.path).items():
                part, _, name = key.partition(".")
                tensors.setdefault(part, {})[name] = tensor
            encoder = CLIPVisionModelWithProjection.from_pretrained(
                Path(use.encoder), local_files_only=True, use_safetensors=True, dtype=self._device.dtype
            )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise _unusable(loaded, use, error) from None
        side = encoder.config.image_size
        encoder.requires_grad_(False)
        return _Eyes(
            tensors={part: tensors[part] for part in _PARTS},
            encoder=encoder.to(self._device.place).eval(),
            processor=CLIPImageProcessor(size=side, crop_size=side),
        )


def _unusable(loaded: LoadedModel, use: ControlUse, error: Exception) -> ModelError:
    reason = " ".join((str(error) or type(error).__name__).split())[:160]
    message = f"the IP-Adapter {use.model} cannot be used with {loaded.model.spec.name}: {reason}"
    return ModelError(message, hint="fetch it and its image encoder again", field="controls")
