"""Read a LoRA file for a model, check it against the model's layers, and load those that fit."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from invoke_cli.documents import parse_json
from invoke_cli.engine.conditioning.lora_names import LoraLayer, Tensors, as_peft, prepared, read_layers, scaled
from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.engine.loading.weights import FILE_ERRORS, first_line
from invoke_cli.engine.sampling.patching import patched
from invoke_cli.errors import ModelError
from invoke_cli.models.files.lora_kinds import adapter_kind
from invoke_cli.models.files.weights_header import read_header, read_metadata, shape_of
from invoke_cli.planning.plan import LoraUse

_PEFT_METADATA = "lora_adapter_metadata"
_DORA = ".dora_scale"
_LYCORIS_EXTRA = 'pip install "invoke-cli[lycoris]"'
_HINT = "remove it, or choose the model it was trained for with -m"
Notify = Callable[[str], None]


def is_merged(lora: LoraUse) -> bool:
    """Return whether a file contains an adapter that is merged into the weights; PEFT loads the others.

    Raises:
        ModelError: The file contains something else, or a package is missing.
    """
    header = read_header(Path(lora.path))
    if header is None:
        message = f"the LoRA {lora.name} is incomplete or not a .safetensors file"
        raise ModelError(message, hint="download it again", field="loras")
    kind = adapter_kind(header)
    if kind is None:
        return any(name.endswith(_DORA) and _is_for_inputs(shape_of(header, name)) for name in header)
    if not kind.lycoris:
        message = f"the LoRA {lora.name} cannot be used: the file contains {kind.label}, not a LoRA"
        raise ModelError(message, hint=kind.remedy, field="loras")
    if importlib.util.find_spec("lycoris") is None:
        message = f"the LoRA {lora.name} is {kind.label}, which needs the package lycoris-lora"
        raise ModelError(message, hint=_LYCORIS_EXTRA, field="loras")
    return True


def _is_for_inputs(shape: tuple[int, ...]) -> bool:
    """Return whether DoRA's magnitudes are (1, in, …), one for each input, rather than (out, 1, …)."""
    return len(shape) > 1 and shape[0] == 1 and shape[1] > 1


def load_lora(loaded: LoadedModel, lora: LoraUse, adapter: str, notify: Notify) -> None:
    """Load the layers of a LoRA that the model has, under an adapter name.

    Args:
        loaded: The model.
        lora: The file and its name.
        adapter: The name of the adapter in the model.
        notify: Receives a notice about layers that the model lacks.

    Raises:
        ModelError: The file cannot be read, or does not fit the model.
    """
    pipeline = loaded.pipeline
    convert = pipeline.lora_state_dict
    chosen: dict[str, LoraLayer] = {}

    def fitting(tensors: Tensors, **options: Any) -> tuple[Any, ...]:
        found, alphas, metadata = _converted(loaded, lora, tensors, convert, options)
        chosen.update(_fitting_layers(loaded, lora, read_layers(found, alphas or {}), notify))
        layers = _scaled_unless_uniform(chosen)
        values = {f"{path}.alpha": layer.alpha for path, layer in layers.items() if layer.alpha is not None}
        given = () if alphas is None else (values or None,)
        return (as_peft(layers), *given, None if values else metadata)

    try:
        tensors = prepared(read_tensors(lora), loaded)
        with patched(pipeline, lora_state_dict=fitting):
            pipeline.load_lora_weights(tensors, adapter_name=adapter)
    except FILE_ERRORS as error:
        raise incompatible(loaded, lora, first_line(error)) from None
    lost = [path for path in chosen if adapter not in getattr(_layer(loaded, path), "lora_A", {})]
    if lost:
        raise incompatible(loaded, lora, f"{len(lost)} of its {len(chosen)} layers were not loaded, such as {lost[0]}")


def read_tensors(lora: LoraUse) -> Tensors:
    """Read the tensors of a LoRA file, which are mapped into memory."""
    tensors: Tensors = load_file(lora.path)
    return tensors


def _peft_metadata(lora: LoraUse) -> dict[str, Any] | None:
    """Return the PEFT config that newer versions of diffusers store in a LoRA's metadata."""
    text = read_metadata(Path(lora.path)).get(_PEFT_METADATA)
    parsed = parse_json(text) if text else None
    return parsed if isinstance(parsed, dict) else None


def _converted(
    loaded: LoadedModel, lora: LoraUse, tensors: Tensors, convert: Callable[..., Any], options: Mapping[str, Any]
) -> tuple[Tensors, Mapping[str, float] | None, Any]:
    """Return the tensors as diffusers converts them, their alphas, and the metadata.

    The alphas are None if this pipeline's conversion applies them itself.
    """
    plain = {name: tensor for name, tensor in tensors.items() if not name.endswith(_DORA)}
    config = {"unet_config": loaded.denoiser.config} if loaded.family.denoiser == "unet" else {}
    found, *rest = convert(dict(plain), **{**options, **config, "return_lora_metadata": True})
    alphas, metadata = (rest[0] or {}, rest[1]) if len(rest) == 2 else (None, rest[0])
    return {**found, **_magnitudes(tensors, found)}, alphas, metadata or _peft_metadata(lora)


def _magnitudes(tensors: Mapping[str, torch.Tensor], converted: Mapping[str, torch.Tensor]) -> Tensors:
    """Return DoRA's magnitudes, which diffusers drops, at the names that it gave to their layers."""
    names = {id(tensor): name for name, tensor in converted.items()}
    found: Tensors = {}
    for key in [key for key in tensors if key.endswith(_DORA)]:
        down = names.get(id(tensors.get(f"{key.removesuffix(_DORA)}.lora_down.weight")), "")
        if down:
            path = next(iter(read_layers({down: tensors[key]}, {})))
            found[f"{path}.lora_magnitude_vector.weight"] = tensors[key].flatten()
    return found


def _scaled_unless_uniform(layers: Mapping[str, LoraLayer]) -> Mapping[str, LoraLayer]:
    """Apply the alphas to the matrices, unless each component has one alpha for all layers, which diffusers handles."""
    values = {(path.partition(".")[0], layer.alpha) for path, layer in layers.items()}
    return layers if len(values) == len({component for component, _ in values}) else scaled(layers)


# -- the model's layers ------------------------------------------------------------------------------------------------


def _fitting_layers(
    loaded: LoadedModel, lora: LoraUse, layers: Mapping[str, LoraLayer], notify: Notify
) -> Mapping[str, LoraLayer]:
    """Return the layers that the model has, in a dtype that it can compute with.

    Raises:
        ModelError: The model has none of them, or one is incomplete or of another width.
    """
    if not layers:
        raise incompatible(loaded, lora, "it contains no known layers")
    weights = {path: _weight(_layer(loaded, path)) for path in layers}
    check_known(loaded, lora, layers, [path for path, weight in weights.items() if weight is None], notify)
    fitting = {path: layers[path] for path, weight in weights.items() if weight is not None}
    for path, layer in fitting.items():
        reason = _mismatch(path, weights[path], layer)
        if reason:
            raise incompatible(loaded, lora, reason)
    return {path: _in_float(layer) for path, layer in fitting.items()}


def check_known(
    loaded: LoadedModel, lora: LoraUse, layers: Collection[str], unknown: Sequence[str], notify: Notify
) -> None:
    """Report the layers of a LoRA that the model lacks. Raises ModelError if it lacks all of them."""
    if unknown and len(unknown) == len(layers):
        raise incompatible(loaded, lora, f"the model has none of its {len(layers)} layers, such as {unknown[0]}")
    if unknown:
        count = f"{len(unknown)} of its {len(layers)} layers"
        notify(f"the LoRA {lora.name}: {loaded.model.spec.name} lacks {count}, such as {unknown[0]}: left out")


def _mismatch(path: str, weight: torch.Tensor | None, layer: LoraLayer) -> str:
    """Return why a layer does not fit the model's weights (out, in, …); empty if it does."""
    down, up = layer.down, layer.up
    if down is None or up is None or weight is None:
        return f"{path} has only one of its two matrices"
    for expected, actual in ((weight.shape[1], down.shape[1]), (weight.shape[0], up.shape[0])):
        if expected != actual:
            return f"{path} has width {expected} in the model and {actual} in the LoRA"
    if down.shape[0] != up.shape[1]:
        return f"{path} has rank {down.shape[0]} in one matrix and {up.shape[1]} in the other"
    return ""


def _in_float(layer: LoraLayer) -> LoraLayer:
    """Convert matrices stored in 8-bit floats, which cannot be multiplied, to float16."""
    tensors = {"down": layer.down, "up": layer.up, "magnitude": layer.magnitude, "bias": layer.bias}
    narrow: dict[str, Any] = {
        name: tensor.half() for name, tensor in tensors.items() if tensor is not None and tensor.itemsize == 1
    }
    return replace(layer, **narrow)


def _layer(loaded: LoadedModel, path: str) -> Any:
    """Return the layer at `component.module.…`, or None."""
    part, _, rest = path.partition(".")
    module: Any = loaded.pipeline.components.get(part)
    for name in (rest, rest.removeprefix("text_model.")):
        try:
            return module.get_submodule(name)
        except AttributeError:
            continue
    return None


def _weight(layer: Any) -> torch.Tensor | None:
    """Return the weights (out, in, …) of a layer, or None."""
    weight = getattr(getattr(layer, "base_layer", layer), "weight", None)
    return weight if isinstance(weight, torch.Tensor) else None


def incompatible(loaded: LoadedModel, lora: LoraUse, reason: str) -> ModelError:
    """Return the error for a LoRA that does not fit the model."""
    message = f"the LoRA {lora.name} does not fit {loaded.model.spec.name} ({loaded.family.label}): {reason}"
    return ModelError(message, hint=_HINT, field="loras")
