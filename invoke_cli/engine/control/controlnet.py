"""Control models at work: brought to the device when a job wants them, and told to the pipeline with their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel
from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint
from PIL import Image
from safetensors.torch import load_file

from invoke_cli.engine.control.cache import ControlModelCache, at_work, misfit
from invoke_cli.engine.devices import Device
from invoke_cli.engine.loading.load import LoadedModel, known
from invoke_cli.models.control_models import Technique
from invoke_cli.planning.plan import ControlUse, Plan, Task

# What decides the shapes of what a ControlNet hands to a UNet, by its name in both configs.
_LAYOUT: Mapping[str, str] = {
    "block_out_channels": "the channels of its blocks",
    "layers_per_block": "the layers of a block",
}
_SEEN_CHANNELS = 3


class ControlNets:
    """The control models that were used last, in memory."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._kept: ControlModelCache[Any] = ControlModelCache(Technique.CONTROLNET, self._read)

    def get(self, loaded: LoadedModel, uses: Sequence[ControlUse]) -> tuple[Any, ...]:
        """The ControlNets of these uses, ready on the device; ModelError for one that cannot be loaded, or that was
        made for UNets of another layout.
        """
        nets = [use for use in uses if use.technique is Technique.CONTROLNET]
        found = tuple(self._kept.get(loaded, use) for use in nets)
        for use, network in zip(nets, found, strict=True):
            _check_fit(loaded, use, network.config)
        return found

    def clear(self) -> None:
        """Forget all of them."""
        self._kept.clear()

    def _read(self, loaded: LoadedModel, use: ControlUse) -> Any:
        path = Path(use.path)
        return at_work(self._from_folder(path) if path.is_dir() else _from_file(path, loaded), self._device)

    def _from_folder(self, folder: Path) -> Any:
        plain = any(".fp16." not in path.name for path in folder.glob("*.safetensors"))
        return ControlNetModel.from_pretrained(
            folder,
            torch_dtype=self._device.dtype,
            variant=None if plain else "fp16",
            use_safetensors=True,
            local_files_only=True,
        )


def _from_file(path: Path, loaded: LoadedModel) -> Any:
    """A ControlNet from a file that holds its tensors alone: it is built like the UNet that it is for."""
    config = known(ControlNetModel, {**loaded.denoiser.config, "in_channels": loaded.latent_channels})
    network = ControlNetModel(**config)
    tensors: Mapping[str, torch.Tensor] = convert_controlnet_checkpoint(load_file(path), config)
    network.load_state_dict(tensors)
    return network


def _check_fit(loaded: LoadedModel, use: ControlUse, config: Mapping[str, Any]) -> None:
    """ModelError when what the ControlNet takes or gives has other shapes than the model's."""
    if config["in_channels"] != loaded.latent_channels:
        reason = f"it reads latents of {config['in_channels']} channels, the model's have {loaded.latent_channels}"
        raise misfit(loaded, use, reason)
    if config["conditioning_channels"] != _SEEN_CHANNELS:
        raise misfit(loaded, use, f"it looks at pictures of {config['conditioning_channels']} channels")
    for name, meaning in _LAYOUT.items():
        own, other = (_spelt(each[name]) for each in (config, loaded.denoiser.config))
        if own != other:
            raise misfit(loaded, use, f"{meaning} are {own}, those of the model's UNet {other}")


def _spelt(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def control_arguments(plan: Plan, guides: Sequence[Image.Image], task: Task) -> dict[str, object]:
    """What the pipeline of a task is told of the control images; nothing without any. Several add up."""
    pairs = zip(plan.controls, guides, strict=True)
    nets = [(use.weight, image) for use, image in pairs if use.technique is Technique.CONTROLNET]
    if not nets:
        return {}
    name = "image" if task is Task.TEXT_TO_IMAGE else "control_image"
    weights, images = [weight for weight, _ in nets], [image for _, image in nets]
    alone = len(nets) == 1
    return {
        name: images[0] if alone else images,
        "controlnet_conditioning_scale": weights[0] if alone else weights,
    }
