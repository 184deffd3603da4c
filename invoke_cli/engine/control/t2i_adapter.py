"""T2I-Adapters: what they make of control images is worked out once for a job, and added inside the UNet at each step.

The stock pipeline for them draws from text alone and cannot be watched. The UNet itself takes their features from
whoever calls it (`down_intrablock_additional_residuals`), so every pipeline of the model can be guided so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import T2IAdapter
from PIL import Image

from invoke_cli.engine import Job
from invoke_cli.engine.control.cache import ControlModelCache, at_work, misfit, telling
from invoke_cli.engine.devices import Device
from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.models.control_models import Technique
from invoke_cli.planning.plan import ControlUse

Shape = tuple[int, int, int]


class T2IAdapters:
    """The adapters that were used last, in memory."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._kept: ControlModelCache[Any] = ControlModelCache(Technique.T2I_ADAPTER, self._read)

    @contextmanager
    def given(self, loaded: LoadedModel, job: Job) -> Iterator[None]:
        """The model's UNet guided by the job's control images that are for adapters; ModelError when one cannot be."""
        wanted = self._kept.wanted(job)
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
            adapter = self._kept.get(loaded, use)
            with telling(loaded, use), torch.no_grad():
                seen = [each * use.weight for each in adapter(self._pixels(image, adapter.config.in_channels))]
            _check_fit(loaded, use, image, seen)
            total = [one + other for one, other in zip(total, seen, strict=True)] if total else seen
        return tuple(total)

    def _read(self, _: LoadedModel, use: ControlUse) -> Any:
        adapter = T2IAdapter.from_pretrained(
            Path(use.path), torch_dtype=self._device.dtype, use_safetensors=True, local_files_only=True
        )
        return at_work(adapter, self._device)

    def _pixels(self, image: Image.Image, channels: int) -> torch.Tensor:
        """The picture as (1, channels, height, width), 0 to 1; grey where an adapter sees one channel. Its channels lie
        side by side in memory, as the stock pipeline has them: convolutions add up in another order otherwise.
        """
        values = np.asarray(image.convert("L" if channels == 1 else "RGB"), dtype=np.float32)
        values = values.reshape(1, image.height, image.width, channels).transpose(0, 3, 1, 2) / np.float32(255)
        return torch.from_numpy(values).to(self._device.place, self._device.dtype)


def _check_fit(loaded: LoadedModel, use: ControlUse, image: Image.Image, seen: Sequence[torch.Tensor]) -> None:
    """ModelError when the UNet has no place for what an adapter sees, or one of another shape."""
    rows, columns = (side // loaded.scale_factor for side in (image.height, image.width))
    places = _places(loaded.denoiser, rows, columns)
    # One for the middle may follow those of the blocks; several adapters are added, one by one.
    for number, (place, given) in enumerate(zip_longest(places, [tuple(each.shape[1:]) for each in seen]), start=1):
        if place != given and not (given is None and number == len(places)):
            reason = f"block {number} of its UNet takes {_spelt(place)}, the adapter gives {_spelt(given)}"
            raise misfit(loaded, use, reason)


def _places(unet: Any, rows: int, columns: int) -> list[Shape]:
    """What the UNet adds features to, (channels, rows, columns): each block's states, those of blocks that read the
    prompt before they are halved, those of the others after it; and the states of the middle.
    """
    found: list[Shape] = []
    for block, channels in zip(unet.down_blocks, unet.config.block_out_channels, strict=True):
        reads = getattr(block, "has_cross_attention", False)
        within = (channels, rows, columns)
        if block.downsamplers is not None:
            rows, columns = (rows + 1) // 2, (columns + 1) // 2
        found.append(within if reads else (channels, rows, columns))
    return [*found, (unet.config.block_out_channels[-1], rows, columns)]


def _spelt(shape: Sequence[int] | None) -> str:
    return f"{shape[0]} channels of {shape[1]} x {shape[2]}" if shape else "nothing"


def _with_features(
    features: Sequence[torch.Tensor], _: torch.nn.Module, positional: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The UNet's arguments with the features, for each picture of its batch; it takes them off the list."""
    sample = positional[0] if positional else named["sample"]
    copies = [each.repeat(sample.shape[0], 1, 1, 1) for each in features]
    return positional, {**named, "down_intrablock_additional_residuals": copies}
