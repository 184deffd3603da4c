"""Adapters that PEFT does not implement: merged into the weights for one job, and removed after it.

LyCORIS through the package lycoris-lora: Yeh et al., "Navigating Text-To-Image Customization: From LyCORIS Fine-Tuning
to Model Evaluation" (2023). DoRA with a magnitude for each input, as the paper has it: Liu et al., "DoRA:
Weight-Decomposed Low-Rank Adaptation" (2024), equation 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

import torch
from diffusers.loaders.lora_conversion_utils import _maybe_map_sgm_blocks_to_diffusers

from invoke_cli.engine.conditioning.lora_file import Notify, check_known, incompatible, read_tensors
from invoke_cli.engine.conditioning.lora_names import Tensors, prepared
from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.engine.loading.weights import FILE_ERRORS, first_line
from invoke_cli.planning.plan import LoraUse

# Layers of the original UNet within a block, and diffusers' names.
_BLOCK_LAYERS = {
    "_in_layers_0": "_norm1", "_in_layers_2": "_conv1", "_emb_layers_1": "_time_emb_proj", "_out_layers_0": "_norm2",
    "_out_layers_3": "_conv2", "_skip_connection": "_conv_shortcut",
}  # fmt: skip


@contextmanager
def merged(loaded: LoadedModel, loras: Sequence[LoraUse], notify: Notify) -> Iterator[None]:
    """Merge adapters into the model's weights; afterwards the weights are what they were, bit for bit.

    Raises:
        ModelError: An adapter does not fit the model.
    """
    with ExitStack() as stack:
        for lora in loras:
            for layer, module in _modules(loaded, lora, notify):
                stack.callback(_restore, layer, {name: value.clone() for name, value in layer.named_parameters()})
                with torch.no_grad():
                    module.merge_to(lora.weight)
        yield


def _restore(layer: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    for name, parameter in layer.named_parameters():
        parameter.data.copy_(weights[name])


def _modules(loaded: LoadedModel, lora: LoraUse, notify: Notify) -> list[tuple[torch.nn.Module, MergedModule]]:
    """Return the layers of the model that an adapter changes, each with the module that changes it."""
    tensors = _diffusers_names(prepared(read_tensors(lora), loaded), loaded)
    names = list(dict.fromkeys(name.partition(".")[0] for name in tensors))
    layers = _layers(loaded)
    check_known(loaded, lora, names, [name for name in names if name not in layers], notify)
    found: list[tuple[torch.nn.Module, MergedModule]] = []
    for name in [name for name in names if name in layers]:
        own = {key.partition(".")[2]: tensor for key, tensor in tensors.items() if key.partition(".")[0] == name}
        try:
            found.append((layers[name], _module(name, layers[name], own)))
        except FILE_ERRORS as error:
            raise incompatible(loaded, lora, f"{name}: {first_line(error)}") from None
    return found


class MergedModule(Protocol):
    """An adapter of one layer."""

    def merge_to(self, multiplier: float) -> None:
        """Add the adapter to the weights of its layer, multiplied by a weight."""


class InputDora:
    """A LoRA of one layer with a magnitude for each of its inputs."""

    def __init__(self, layer: Any, tensors: Mapping[str, torch.Tensor]) -> None:
        self._weight: torch.nn.Parameter = layer.weight
        down, up = (tensors[f"lora_{name}.weight"].float() for name in ("down", "up"))
        rank = down.shape[0]
        self._scale = float(tensors.get("alpha", torch.tensor(rank))) / rank
        self._product = (up.flatten(1) @ down.flatten(1)).reshape(layer.weight.shape)
        self._magnitude = tensors["dora_scale"].float().reshape(1, -1, *[1] * (layer.weight.ndim - 2))

    def merge_to(self, multiplier: float) -> None:
        """Replace W by W + k (m (W + BA) / ||W + BA|| - W), with the norm over the outputs for each input."""
        weight = self._weight.data.float()
        directed = weight + self._product.to(weight.device) * self._scale
        norms = directed.norm(dim=[0, *range(2, directed.ndim)], keepdim=True)
        change = directed * (self._magnitude.to(weight.device) / norms) - weight
        self._weight.data.copy_(weight + multiplier * change)


def _module(name: str, layer: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> MergedModule:
    """Return the module for the tensors of one layer."""
    if "dora_scale" in tensors and _is_plain(tensors):
        return InputDora(layer, tensors)
    return _LycorisModule(name, layer, tensors)


def _is_plain(tensors: Mapping[str, torch.Tensor]) -> bool:
    """Return whether the tensors of a layer are those of a LoRA with two matrices."""
    return {"lora_down.weight", "lora_up.weight"} <= set(tensors) and "lora_mid.weight" not in tensors


class _LycorisModule:
    """An adapter of one layer from lycoris-lora.

    Merging applies alpha / rank twice (lycoris-lora 4.1), the forward pass once. So the module gets a scale of 1, and
    the scale is applied here.
    """

    def __init__(self, name: str, layer: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
        self._module = _lycoris_module(name, layer, tensors)
        self._scale = float(getattr(self._module, "scale", 1.0))
        if self._scale != 1 and "dora_scale" not in tensors:
            alpha = tensors["alpha"].float() / self._scale
            self._module = _lycoris_module(name, layer, {**tensors, "alpha": alpha})

    def merge_to(self, multiplier: float) -> None:
        """Add the adapter to the weights of its layer."""
        self._module.merge_to(multiplier * self._scale)


def _lycoris_module(name: str, layer: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> Any:
    """Return lycoris-lora's module for a layer. Raises ValueError if the package knows none for these tensors."""
    from lycoris.modules import get_module, make_module
    from lycoris.modules.ia3 import IA3Module

    kind, parameters = get_module({f"{name}.{key}": tensor for key, tensor in tensors.items()}, name)
    if kind is IA3Module:  # its own factory rejects `on_input`
        scaling = IA3Module(name, layer, 1, train_on_input=bool(tensors["on_input"]))
        scaling.weight.data.copy_(tensors["weight"])
        return scaling
    module = None if kind is None else make_module(kind, parameters, name, layer)
    if module is None:
        raise ValueError("it has tensors that do not belong together")
    return module


def _diffusers_names(tensors: Tensors, loaded: LoadedModel) -> Tensors:
    """Return an adapter's tensors with diffusers' names of the UNet's layers instead of the original ones."""
    if loaded.family.denoiser != "unet":
        return tensors
    mapped = _maybe_map_sgm_blocks_to_diffusers(dict(tensors), loaded.denoiser.config)
    renamed: Tensors = {}
    for name, tensor in mapped.items():
        module, dot, kind = name.partition(".")
        for original, own in _BLOCK_LAYERS.items():
            module = f"{module.removesuffix(original)}{own}" if module.endswith(original) else module
        renamed[module + dot + kind] = tensor
    return renamed


def _layers(loaded: LoadedModel) -> dict[str, torch.nn.Module]:
    """Return the layers with weights by the names that trainers give them: `lora_unet_…`, `lora_te1_…`."""
    encoders = loaded.text_encoders
    parts = [(("lora_unet", "lora_transformer", "lycoris"), loaded.denoiser)]
    for number, encoder in enumerate(encoders.values(), start=1):
        single = ("lora_te",) if len(encoders) == 1 else ()
        parts.append(((f"lora_te{number}", *single), encoder))
    layers: dict[str, torch.nn.Module] = {}
    for prefixes, part in parts:
        for path, layer in part.named_modules():
            if isinstance(getattr(layer, "weight", None), torch.Tensor):
                flat = path.replace(".", "_")
                layers |= {f"{prefix}_{flat}": layer for prefix in prefixes}
                if part is not loaded.denoiser and not flat.startswith("text_model"):
                    layers |= {f"{prefix}_text_model_{flat}": layer for prefix in prefixes}
    return layers
