"""Load a job's ControlNets and build the pipeline arguments for their control images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel, ControlNetUnionModel
from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint
from PIL import Image
from safetensors.torch import load_file

from invoke_cli.engine.control.cache import RESTORE, ControlModelCache, incompatible, prepared, weights_owner
from invoke_cli.engine.control.control_lora import load_control_lora
from invoke_cli.engine.devices import Device
from invoke_cli.engine.loading.components import load_network
from invoke_cli.engine.loading.load import LoadedModel, accepted_arguments
from invoke_cli.engine.loading.weights import load_state
from invoke_cli.models.control_models import Technique
from invoke_cli.models.files.folder import weights_in
from invoke_cli.planning.plan import ControlUse, Plan, Task

# The config keys that determine the shapes of a ControlNet's residuals, the same in a UNet's config.
_SHAPE_KEYS: Mapping[str, str] = {
    "block_out_channels": "the channels of its blocks",
    "layers_per_block": "the layers of a block",
}
_IMAGE_CHANNELS = 3
_CLASSES: Mapping[Technique, Any] = {
    Technique.CONTROLNET: ControlNetModel,
    Technique.CONTROLNET_UNION: ControlNetUnionModel,
}


class ControlNets:
    """A cache of ControlNets, ControlNet Unions and Control-LoRAs."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._cache: ControlModelCache[Any] = ControlModelCache(Technique.CONTROLNET, self._read)

    def get(self, loaded: LoadedModel, uses: Sequence[ControlUse]) -> tuple[Any, ...]:
        """Return the network of each of these uses that has one, on the device.

        Raises:
            ModelError: A ControlNet cannot be loaded, or was trained for another UNet architecture.
        """
        controlnets = [use for use in uses if use.technique.is_controlnet]
        found = tuple(self._cache.get(loaded, use) for use in controlnets)
        for use, network in zip(controlnets, found, strict=True):
            _check_fit(loaded, use, network.config)
        return found

    def clear(self) -> None:
        """Remove all ControlNets."""
        self._cache.clear()

    def _read(self, loaded: LoadedModel, use: ControlUse) -> Any:
        if use.technique is Technique.CONTROL_LORA:
            return prepared(load_control_lora(use, loaded), self._device)
        read = self._from_folder if Path(use.path).is_dir() else _from_file
        return prepared(read(use, loaded), self._device)

    def _from_folder(self, use: ControlUse, _loaded: LoadedModel) -> Any:
        folder = Path(use.path)
        files = weights_in(folder, RESTORE)
        network, _ = load_network(_CLASSES[use.technique], folder, files, weights_owner(use), dtype=self._device.dtype)
        return network


def _from_file(use: ControlUse, loaded: LoadedModel) -> Any:
    """Load a ControlNet from a file of tensors alone; its config is that of the UNet it is used with."""
    cls, tensors = _CLASSES[use.technique], load_file(use.path)
    config = accepted_arguments(cls, {**loaded.denoiser.config, "in_channels": loaded.latent_channels})
    if cls is ControlNetUnionModel:
        config |= _union_config(tensors)
    converted: Mapping[str, torch.Tensor] = convert_controlnet_checkpoint(tensors, config)
    network = cls(**config)
    load_state(network, converted, "network", Path(use.path).name, weights_owner(use))
    return network


def _union_config(tensors: Mapping[str, torch.Tensor]) -> Mapping[str, object]:
    """Return the parts of the config of a ControlNet Union that a UNet's config lacks, by the shapes of its tensors."""
    types, channels = tensors["task_embedding"].shape
    embedding = [tensors["controlnet_cond_embedding.conv_in.weight"].shape[0]]
    blocks = (f"controlnet_cond_embedding.blocks.{index}.weight" for index in range(1, len(tensors), 2))
    embedding += [tensors[name].shape[0] for name in takewhile(tensors.__contains__, blocks)]
    layers = {name.split(".")[1] for name in tensors if name.startswith("transformer_layes.")}
    return {
        "num_control_type": types,
        "num_trans_channel": channels,
        "num_trans_layer": len(layers),
        "num_proj_channel": tensors["spatial_ch_projs.weight"].shape[0],
        "conditioning_embedding_out_channels": tuple(embedding),
    }


def _check_fit(loaded: LoadedModel, use: ControlUse, config: Mapping[str, Any]) -> None:
    """Check a ControlNet's config against the model's UNet.

    Raises:
        ModelError: Its input channels or block layout differ.
    """
    if config["in_channels"] != loaded.latent_channels:
        reason = f"it takes latents with {config['in_channels']} channels, the model's have {loaded.latent_channels}"
        raise incompatible(loaded, use, reason)
    if config["conditioning_channels"] != _IMAGE_CHANNELS:
        raise incompatible(loaded, use, f"it takes images with {config['conditioning_channels']} channels")
    for name, meaning in _SHAPE_KEYS.items():
        own, other = (_joined(each[name]) for each in (config, loaded.denoiser.config))
        if own != other:
            raise incompatible(loaded, use, f"{meaning} are {own}, those of the model's UNet {other}")


def _joined(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def control_arguments(plan: Plan, guides: Sequence[Image.Image], task: Task) -> dict[str, object]:
    """Return the pipeline arguments for the control images of a task; empty without ControlNets.

    With several ControlNets, diffusers adds up the residuals of all of them.
    """
    pairs = zip(plan.controls, guides, strict=True)
    controlnets = [(use, image) for use, image in pairs if use.technique.is_controlnet]
    if not controlnets:
        return {}
    weights, images = [use.weight for use, _ in controlnets], [image for _, image in controlnets]
    if controlnets[0][0].technique is Technique.CONTROLNET_UNION:
        modes = [use.mode for use, _ in controlnets]
        return {"control_image": images, "control_mode": modes, "controlnet_conditioning_scale": weights}
    name = "image" if task is Task.TEXT_TO_IMAGE else "control_image"
    return {name: _one_or_all(images), "controlnet_conditioning_scale": _one_or_all(weights)}


def _one_or_all(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else values
