"""Bring the tensors of LoRA files in all published layouts to one: `component.module` with its matrices.

diffusers converts most layouts (`lora_state_dict`). This module prepares those that it does not recognise, and reads
its result, which still has several spellings: PEFT's, and older and newer ones of diffusers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from invoke_cli.engine.loading.load import LoadedModel

Tensors = dict[str, torch.Tensor]

_COMFY_DENOISER = "diffusion_model."
_COMFY = {
    _COMFY_DENOISER: "lora_unet_",
    "text_encoders.clip_l.transformer.": "lora_te1_",
    "text_encoders.clip_g.transformer.": "lora_te2_",
}
_FLAT = re.compile("^lora_(unet|transformer)_")
_FLAT_KINDS = {"lora_down.weight": "down", "lora_up.weight": "up", "alpha": "alpha"}
_PEFT_WRAPPER = "base_model.model."
_KOHYA_MATRICES = {".lora_A.weight": ".lora_down.weight", ".lora_B.weight": ".lora_up.weight"}
_MATRIX = re.compile(
    r"^(?P<module>.+?)(?P<joint>\.|_)lora(?:_linear_layer)?"
    r"(?:_(?P<peft>[AB])|\.(?P<side>down|up)|_(?P<kohya>down|up)|_(?P<magnitude>magnitude_vector))"
    r"(?:\.default)?(?:\.(?P<kind>weight|bias))?$"
)
_ALPHA = re.compile(r"^(?P<module>.+?)(?:\.|(?P<joint>_))?(?:lora(?:_linear_layer)?\.down\.weight)?\.alpha$")
_ENCODER_NAMES = {"to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out": "out_proj"}


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraLayer:
    """The matrices of a LoRA for one layer: `down` (rank, in, …), `up` (out, rank, …), and DoRA's magnitudes (out)."""

    down: torch.Tensor | None = None
    up: torch.Tensor | None = None
    magnitude: torch.Tensor | None = None
    bias: torch.Tensor | None = None
    alpha: float | None = None


def prepared(tensors: Tensors, loaded: LoadedModel) -> Tensors:
    """Rename the tensors of layouts that diffusers does not recognise to ones that it does.

    PEFT's own wrapper is removed. Names within the denoiser, bare or after ComfyUI's `diffusion_model.`, get its name;
    those of another layout (`diffusion_model.input_blocks…`) become kohya's. For transformers, kohya's flat names of
    layers that the transformer has become dotted.
    """
    denoiser = loaded.family.denoiser
    children = tuple(f"{name}." for name, _ in loaded.denoiser.named_children())
    renamed: Tensors = {}
    for name, tensor in tensors.items():
        plain = name.replace(_PEFT_WRAPPER, "")
        inner = plain.removeprefix(_COMFY_DENOISER)
        is_inside = inner.startswith(children) and plain.split(".")[0] not in loaded.pipeline.components
        renamed[f"{denoiser}.{inner}" if is_inside else _kohya_name(plain)] = tensor
    return renamed if denoiser == "unet" else _dotted(renamed, loaded)


def _dotted(tensors: Tensors, loaded: LoadedModel) -> Tensors:
    """Return a transformer's LoRA under dotted names, with its alphas applied, if all its names are flat ones of it."""
    denoiser = loaded.family.denoiser
    paths = {path.replace(".", "_"): path for path, _ in loaded.denoiser.named_modules() if path}
    layers: dict[str, LoraLayer] = {}
    for name, tensor in tensors.items():
        flat, _, kind = name.partition(".")
        path = paths.get(_FLAT.sub("", flat))
        if path is None or kind not in _FLAT_KINDS:
            return tensors
        value: dict[str, Any] = {_FLAT_KINDS[kind]: float(tensor) if kind == "alpha" else tensor}
        layers[path] = replace(layers.get(path, LoraLayer()), **value)
    return {f"{denoiser}.{name}": tensor for name, tensor in as_peft(scaled(layers)).items()}


def _kohya_name(name: str) -> str:
    """Return kohya's name for a tensor in ComfyUI's layout; other names are returned unchanged."""
    prefix = next((prefix for prefix in _COMFY if name.startswith(prefix)), None)
    if prefix is None:
        return name
    for peft, kohya in _KOHYA_MATRICES.items():
        name = name.replace(peft, kohya)
    module, *kind = re.split(r"(\.(?=lora_|alpha$|dora_scale$))", name.removeprefix(prefix), maxsplit=1)
    return "".join([_COMFY[prefix], module.replace(".", "_"), *kind])


def read_layers(tensors: Mapping[str, torch.Tensor], alphas: Mapping[str, float]) -> dict[str, LoraLayer]:
    """Group converted tensors by the path of their layer, `component.module`.

    Args:
        tensors: The tensors as `lora_state_dict` returns them.
        alphas: The alpha of each layer in kohya's sense, as it returns them.

    Raises:
        ValueError: A tensor is no part of a LoRA layer.
    """
    layers: dict[str, LoraLayer] = {}
    for name, tensor in tensors.items():
        match = _MATRIX.match(name)
        if match is None:
            raise ValueError(f"it contains {name}, which is no part of a LoRA")
        path = _module_path(match["module"], attention=match["joint"] == "_")
        part: dict[str, Any] = {_part(match): tensor}
        layers[path] = replace(layers.get(path, LoraLayer()), **part)
    for name, alpha in alphas.items():
        match = _ALPHA.match(name)
        path = _module_path(match["module"], attention=bool(match["joint"])) if match else ""
        if path in layers:
            layers[path] = replace(layers[path], alpha=float(alpha))
    return layers


def _part(match: re.Match[str]) -> str:
    """Return the field of a layer that a tensor's name means."""
    if match["magnitude"]:
        return "magnitude"
    side = match["side"] or match["kohya"] or {"A": "down", "B": "up"}[match["peft"]]
    return "bias" if match["kind"] == "bias" else side


def _module_path(path: str, *, attention: bool) -> str:
    """Return `component.module` of a layer; in older layouts, attention layers have names of their own."""
    path = path.replace(".processor.", ".").replace(".processor", "")
    component, _, module = path.partition(".")
    stem, _, last = module.rpartition(".")
    if "text_encoder" in component:
        return f"{component}.{stem}.{_ENCODER_NAMES.get(last, last)}" if stem else path
    return f"{path}.0" if attention and last == "to_out" else path


def as_peft(layers: Mapping[str, LoraLayer]) -> Tensors:
    """Return the tensors of layers under the names that `load_lora_weights` reads for each component."""
    tensors: Tensors = {}
    for path, layer in layers.items():
        text = path.startswith("text_encoder")
        down, up = ("lora_linear_layer.down", "lora_linear_layer.up") if text else ("lora_A", "lora_B")
        named = {f"{down}.weight": layer.down, f"{up}.weight": layer.up, f"{up}.bias": layer.bias}
        named["lora_magnitude_vector"] = layer.magnitude
        tensors |= {f"{path}.{name}": tensor for name, tensor in named.items() if tensor is not None}
    return tensors


def scaled(layers: Mapping[str, LoraLayer]) -> Mapping[str, LoraLayer]:
    """Multiply each layer's upper matrix by its alpha divided by its rank, which is 1 without an alpha."""
    result = {}
    for path, layer in layers.items():
        if layer.alpha is None or layer.up is None:
            result[path] = layer
            continue
        rank = layer.up.shape[1]
        result[path] = replace(layer, up=(layer.up.float() * (layer.alpha / rank)), alpha=None)
    return result
