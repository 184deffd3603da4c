"""Load a denoiser quantised: the weights are quantised while they are read, by an optional package."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import diffusers
import torch

from invoke_cli.engine.devices import Device
from invoke_cli.engine.loading.components import load_network, network_classes
from invoke_cli.engine.loading.weights import WeightsOwner
from invoke_cli.errors import ModelError
from invoke_cli.models.files.folder import ModelFacts
from invoke_cli.models.quantization import QUANTIZATIONS


def load_quantized(facts: ModelFacts, owner: WeightsOwner, name: str, device: Device) -> Any:
    """Load the denoiser of the model `name`, quantised as its facts state.

    Raises:
        ModelError: The quantisation needs a GPU or a package that is missing, or tensors are missing.
    """
    row = next(row for row in QUANTIZATIONS if row.name == facts.quantize)
    removal = f"or remove it from the entry: !edit_model {name} quantize none"
    if row.on_gpu and not device.is_cuda:
        message = f"quantize: {row.name} of {name} needs an NVIDIA GPU and this is {device.label}"
        raise ModelError(message, hint=f"int8 works everywhere, {removal}", field="model")
    if importlib.util.find_spec(row.package) is None:
        message = f"quantize: {row.name} of {name} needs the package {row.package}"
        raise ModelError(message, hint=f'pip install "invoke-cli[{row.package}]", {removal}', field="model")
    denoiser = facts.family.denoiser
    network, _ = load_network(
        network_classes(facts.folder)[denoiser],
        facts.folder / denoiser,
        facts.parts[denoiser],
        owner,
        dtype=device.dtype,
        quantization_config=_CONFIGS[row.name](device.dtype),
    )
    return network


def _int8(_: torch.dtype) -> Any:
    from torchao.quantization import Int8WeightOnlyConfig

    return diffusers.TorchAoConfig(Int8WeightOnlyConfig())


def _float8(_: torch.dtype) -> Any:
    from torchao.quantization import Float8WeightOnlyConfig

    return diffusers.TorchAoConfig(Float8WeightOnlyConfig())


_CONFIGS: Mapping[str, Callable[[torch.dtype], Any]] = {
    "int8": _int8,
    "float8": _float8,
    "bnb8": lambda _: diffusers.BitsAndBytesConfig(load_in_8bit=True),
    "bnb4": lambda dtype: diffusers.BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
    ),
}
