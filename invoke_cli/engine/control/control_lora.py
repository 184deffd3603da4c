"""Load a Control-LoRA: a ControlNet whose layers are those of the model's UNet plus low-rank differences.

The layout is that of https://huggingface.co/stabilityai/control-lora; diffusers converts its names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel
from diffusers.utils.state_dict_utils import convert_sai_sd_control_lora_state_dict_to_peft
from safetensors.torch import load_file

from invoke_cli.engine.control.cache import incompatible, weights_owner
from invoke_cli.engine.loading.load import LoadedModel, accepted_arguments
from invoke_cli.engine.loading.weights import load_state
from invoke_cli.planning.plan import ControlUse

Tensors = Mapping[str, torch.Tensor]

_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"
_OWN = "controlnet_"  # the layers that a UNet lacks: the embedding of the control image and the outputs


def load_control_lora(use: ControlUse, loaded: LoadedModel) -> Any:
    """Return the ControlNet that a Control-LoRA makes of the model's UNet.

    The differences are added to the weights, so that it is as fast as any ControlNet and needs no further package.

    Raises:
        ModelError: The UNet is quantised, or tensors are missing or do not fit it.
    """
    facts = loaded.model.facts
    if facts.quantised:
        raise incompatible(loaded, use, "it is added to the weights of the UNet, which are quantised")
    config = accepted_arguments(ControlNetModel, {**loaded.denoiser.config, "in_channels": loaded.latent_channels})
    network = ControlNetModel(**config)
    converted = convert_sai_sd_control_lora_state_dict_to_peft(load_file(use.path))
    found: Tensors = {name: tensor for name, tensor in converted.items() if tensor is not None}
    shared = {name: tensor for name, tensor in _plain(loaded.denoiser).items() if name in network.state_dict()}
    load_state(network, _merged(shared, found), "network", Path(use.path).name, weights_owner(use))
    return network


def _plain(unet: torch.nn.Module) -> Tensors:
    """Return the UNet's own weights, without the layers and names of LoRAs that PEFT has added."""
    state = {name: tensor for name, tensor in unet.state_dict().items() if ".lora_" not in name}
    return {name.replace(".base_layer.", "."): tensor for name, tensor in state.items()}


def _merged(shared: Tensors, found: Tensors) -> Tensors:
    """Return the weights of the ControlNet.

    Args:
        shared: The UNet's weights that a ControlNet has, too.
        found: The tensors of the file: complete ones, and pairs of low-rank matrices.

    Raises:
        RuntimeError: The matrices of a layer do not match each other or the layer.
    """
    merged = {name: tensor for name, tensor in shared.items() if not name.startswith(_OWN)}
    merged |= {name: tensor for name, tensor in found.items() if not name.endswith((_DOWN, _UP))}
    for name, up in found.items():
        if name.endswith(_UP):
            layer = name.removesuffix(_UP)
            down, weight = found[f"{layer}{_DOWN}"], shared[f"{layer}.weight"].float().cpu()
            difference = up.float().flatten(1) @ down.float().flatten(1)
            merged[f"{layer}.weight"] = weight + difference.reshape(weight.shape)
    return merged
