"""T2I-Adapters: compute the features of the control images once per job, and add them inside the UNet at each step.

The stock T2I-Adapter pipeline supports text to image only and has no step callback. The UNet itself accepts the
features as `down_intrablock_additional_residuals`, so adapters work with every pipeline of the model.
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
from invoke_cli.engine.sampling.patching import forward_pre_hook
from invoke_cli.models.control_models import Technique
from invoke_cli.models.files.folder import weights_in
from invoke_cli.planning.plan import ControlUse

Shape = tuple[int, int, int]


class T2IAdapters:
    """A cache of T2I-Adapters."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._cache: ControlModelCache[Any] = ControlModelCache(Technique.T2I_ADAPTER, self._read)

    @contextmanager
    def attached(self, loaded: LoadedModel, job: Job) -> Iterator[None]:
        """Add the features of the job's T2I-Adapters to every call of the model's UNet.

        Raises:
            ModelError: An adapter cannot be loaded or does not fit the UNet.
        """
        wanted = self._cache.of_job(job)
        if not wanted:
            yield
            return
        features = self._features(loaded, wanted)
        with forward_pre_hook(loaded.denoiser, partial(_with_features, features), with_kwargs=True):
            yield

    def clear(self) -> None:
        """Remove all adapters."""
        self._cache.clear()

    def _features(
        self, loaded: LoadedModel, wanted: Sequence[tuple[ControlUse, Image.Image]]
    ) -> tuple[torch.Tensor, ...]:
        """Return the weighted sum of the adapters' features: (1, channels, height, width) for each block."""
        total: list[torch.Tensor] = []
        for use, image in wanted:
            adapter = self._cache.get(loaded, use)
            with translated_errors(loaded, use), torch.no_grad():
                seen = [each * use.weight for each in adapter(self._pixels(image, adapter.config.in_channels))]
            _check_fit(loaded, use, image, seen)
            total = [one + other for one, other in zip(total, seen, strict=True)] if total else seen
        return tuple(total)

    def _read(self, _: LoadedModel, use: ControlUse) -> Any:
        folder = Path(use.path)
        adapter = load_network(
            T2IAdapter, folder, weights_in(folder, RESTORE), weights_owner(use), dtype=self._device.dtype
        )[0]
        return prepared(adapter, self._device)

    def _pixels(self, image: Image.Image, channels: int) -> torch.Tensor:
        """Convert an image to (1, channels, height, width), 0 to 1; greyscale if the adapter takes one channel.

        The memory layout is channels-last, as in the stock pipeline: otherwise convolutions add up in another order.
        """
        values = np.asarray(image.convert("L" if channels == 1 else "RGB"), dtype=np.float32)
        values = values.reshape(1, image.height, image.width, channels).transpose(0, 3, 1, 2) / np.float32(255)
        return torch.from_numpy(values).to(self._device.torch_device, self._device.dtype)


def _check_fit(loaded: LoadedModel, use: ControlUse, image: Image.Image, seen: Sequence[torch.Tensor]) -> None:
    """Check the features of an adapter against the UNet's blocks.

    Raises:
        ModelError: The number or the shapes of the features differ.
    """
    rows, columns = (side // loaded.scale_factor for side in (image.height, image.width))
    accepted = _accepted_shapes(loaded.denoiser, rows, columns)
    # A feature for the middle block is optional.
    for number, (expected, attached) in enumerate(
        zip_longest(accepted, [tuple(each.shape[1:]) for each in seen]), start=1
    ):
        if expected != attached and not (attached is None and number == len(accepted)):
            reason = (
                f"block {number} of its UNet takes {_described(expected)}, the adapter gives {_described(attached)}"
            )
            raise incompatible(loaded, use, reason)


def _accepted_shapes(unet: Any, rows: int, columns: int) -> list[Shape]:
    """Return the feature shapes (channels, rows, columns) that the UNet accepts: the down blocks', then the middle's.

    Blocks with cross-attention add them before downsampling, the others after it.
    """
    shapes: list[Shape] = []
    for block, channels in zip(unet.down_blocks, unet.config.block_out_channels, strict=True):
        has_attention = getattr(block, "has_cross_attention", False)
        full_size = (channels, rows, columns)
        if block.downsamplers is not None:
            rows, columns = (rows + 1) // 2, (columns + 1) // 2
        shapes.append(full_size if has_attention else (channels, rows, columns))
    return [*shapes, (unet.config.block_out_channels[-1], rows, columns)]


def _described(shape: Sequence[int] | None) -> str:
    return f"{shape[0]} channels of {shape[1]} x {shape[2]}" if shape else "nothing"


def _with_features(
    features: Sequence[torch.Tensor], _: torch.nn.Module, positional: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the UNet's arguments with the features repeated for its batch; the UNet removes them from the list."""
    sample = positional[0] if positional else named["sample"]
    copies = [each.repeat(sample.shape[0], 1, 1, 1) for each in features]
    return positional, {**named, "down_intrablock_additional_residuals": copies}
