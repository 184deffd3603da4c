"""T2I-Adapters: what they make of control images is worked out once for a job, and added inside the UNet at each step.

The stock pipeline for them draws from text alone and cannot be watched. The UNet itself takes their features from
whoever calls it (`down_intrablock_additional_residuals`), so every pipeline of the model can be guided so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import T2IAdapter
from PIL import Image
from safetensors import SafetensorError

from invoke_cli.engine import Job
from invoke_cli.engine.caches import RecentlyUsed
from invoke_cli.engine.devices import Device
from invoke_cli.engine.loading import LoadedModel
from invoke_cli.errors import ModelError
from invoke_cli.models.controls import Technique
from invoke_cli.planning.plan import ControlUse

KEPT = 3


class Hints:
    """The adapters that were used last, in memory."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._kept: RecentlyUsed[Any] = RecentlyUsed(KEPT)

    @contextmanager
    def given(self, loaded: LoadedModel, job: Job) -> Iterator[None]:
        """The model's UNet guided by the job's control images that are for adapters; ModelError when one cannot be."""
        pairs = zip(job.plan.controls, job.guides, strict=True)
        wanted = [(use, image) for use, image in pairs if use.technique is Technique.T2I_ADAPTER]
        if not wanted:
            yield
            return
        features = self._features(loaded, wanted)
        hook = loaded.denoiser.register_forward_pre_hook(partial(_with_features, features), with_kwargs=True)
        try:
            yield
        finally:
            hook.remove()

    def clear(self) -> None:
        """Forget all of them."""
        self._kept.clear()

    def _features(
        self, loaded: LoadedModel, wanted: Sequence[tuple[ControlUse, Image.Image]]
    ) -> tuple[torch.Tensor, ...]:
        """What the adapters see, summed by their weights: (1, channels, height, width) for each block."""
        total: list[torch.Tensor] = []
        for use, image in wanted:
            try:
                adapter = self._kept.get((use.path, use.sha256), partial(self._load, use))
                with torch.no_grad():
                    seen = [each * use.weight for each in adapter(self._pixels(image, adapter.config.in_channels))]
                total = [one + other for one, other in zip(total, seen, strict=True)] if total else seen
            except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
                reason = " ".join((str(error) or type(error).__name__).split())[:160]
                message = f"the T2I-Adapter {use.model} cannot be used with {loaded.model.spec.name}: {reason}"
                raise ModelError(message, hint="fetch it again, or try another size", field="controls") from None
        return tuple(total)

    def _load(self, use: ControlUse) -> Any:
        adapter = T2IAdapter.from_pretrained(
            Path(use.path), torch_dtype=self._device.dtype, use_safetensors=True, local_files_only=True
        )
        adapter.requires_grad_(False)
        return adapter.to(self._device.place).eval()

    def _pixels(self, image: Image.Image, channels: int) -> torch.Tensor:
        """The picture as (1, channels, height, width), 0 to 1; grey where an adapter sees one channel. Its channels lie
        side by side in memory, as the stock pipeline has them: convolutions add up in another order otherwise.
        """
        values = np.asarray(image.convert("L" if channels == 1 else "RGB"), dtype=np.float32)
        values = values.reshape(1, image.height, image.width, channels).transpose(0, 3, 1, 2) / np.float32(255)
        return torch.from_numpy(values).to(self._device.place, self._device.dtype)


def _with_features(
    features: Sequence[torch.Tensor], _: torch.nn.Module, positional: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The UNet's arguments with the features, for each picture of its batch; it takes them off the list."""
    sample = positional[0] if positional else named["sample"]
    copies = [each.repeat(sample.shape[0], 1, 1, 1) for each in features]
    return positional, {**named, "down_intrablock_additional_residuals": copies}
