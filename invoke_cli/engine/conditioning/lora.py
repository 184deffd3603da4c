"""LoRAs on a loaded model: activated for one job and deactivated afterwards, which restores the model bit for bit.

The layers stay in memory beside the weights, so that changing LoRAs between lines does not reload the model.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.errors import ModelError
from invoke_cli.planning.plan import LoraUse, Plan

MAX_LOADED = 8

_DOWN_SUFFIXES = (".lora_A.weight", ".lora.down.weight", ".lora_linear_layer.down.weight")
_UP_SUFFIXES = (".lora_B.weight", ".lora.up.weight", ".lora_linear_layer.up.weight")


@contextmanager
def active_loras(loaded: LoadedModel, loras: Sequence[LoraUse]) -> Iterator[None]:
    """Activate these LoRAs at their weights.

    Raises:
        ModelError: A LoRA does not fit the model; the message names both.
    """
    if not loras:
        yield
        return
    pipeline = loaded.pipeline
    with ExitStack() as on_error:
        on_error.callback(unload_loras, loaded)  # LoRAs before the one that fails are already on the model
        _load_missing(loaded, loras)
        on_error.pop_all()
    pipeline.enable_lora()
    pipeline.set_adapters([_name(lora) for lora in loras], [lora.weight for lora in loras])
    try:
        yield
    finally:
        pipeline.disable_lora()


def adapter_weights(plan: Plan) -> tuple[tuple[str, float], ...]:
    """Return the hash and weight of each adapter of a plan that changes how the text encoder reads."""
    embeddings = [(embedding.sha256, 1.0) for embedding in plan.embeddings]
    return (*((lora.sha256, lora.weight) for lora in plan.loras), *embeddings)


def unload_loras(loaded: LoadedModel) -> None:
    """Remove all LoRA layers from the model, before it is written to disk."""
    if any(hasattr(part, "peft_config") for part in loaded.pipeline.components.values()):
        loaded.pipeline.unload_lora_weights()


def _name(lora: LoraUse) -> str:
    return f"lora_{lora.sha256[:16]}"


def _load_missing(loaded: LoadedModel, loras: Sequence[LoraUse]) -> None:
    """Load the LoRAs that are not in memory; if there would be too many, unload all others first."""
    if importlib.util.find_spec("peft") is None:
        raise ModelError("LoRAs need the package peft", hint='pip install "invoke-cli[lora]"', field="loras")
    if not hasattr(loaded.pipeline, "load_lora_weights"):
        raise _incompatible(loaded, loras[0], "models of this kind do not support LoRAs")
    loaded_names = {name for names in loaded.pipeline.get_list_adapters().values() for name in names}
    if len(loaded_names | set(map(_name, loras))) > MAX_LOADED:
        loaded.pipeline.unload_lora_weights()
        loaded_names = set()
    for lora in loras:
        if _name(lora) not in loaded_names:
            _load(loaded, lora)
            loaded_names.add(_name(lora))


def _load(loaded: LoadedModel, lora: LoraUse) -> None:
    pipeline, path = loaded.pipeline, Path(lora.path)
    try:
        state_dict = pipeline.lora_state_dict(str(path.parent), weight_name=path.name, local_files_only=True)
        _check_fit(loaded, lora, state_dict[0] if isinstance(state_dict, tuple) else state_dict)
        pipeline.load_lora_weights(
            str(path.parent), weight_name=path.name, adapter_name=_name(lora), local_files_only=True
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise _incompatible(loaded, lora, reason) from None


def _check_fit(loaded: LoadedModel, lora: LoraUse, tensors: Mapping[str, torch.Tensor]) -> None:
    """Check that each LoRA layer is complete and matches a layer of the model.

    Raises:
        ModelError: A layer has no counterpart in the model or one of another width, or lacks one of its two matrices.
    """
    downs, ups = _matrices(tensors, _DOWN_SUFFIXES), _matrices(tensors, _UP_SUFFIXES)
    if not downs and not ups:
        raise _incompatible(loaded, lora, "it contains no known layers")
    for path in {**downs, **ups}:
        layer, down, up = _layer(loaded, path), downs.get(path), ups.get(path)
        if layer is None:
            raise _incompatible(loaded, lora, f"the model has no layer {path}")
        if down is None or up is None:
            raise _incompatible(loaded, lora, f"{path} has only one of its two matrices")
        for expected, actual in ((layer.shape[1], down.shape[1]), (layer.shape[0], up.shape[0])):
            if expected != actual:
                raise _incompatible(loaded, lora, f"{path} has width {expected} in the model and {actual} in the LoRA")
        if down.shape[0] != up.shape[1]:
            raise _incompatible(
                loaded, lora, f"{path} has rank {down.shape[0]} in one matrix and {up.shape[1]} in the other"
            )


def _matrices(tensors: Mapping[str, torch.Tensor], suffixes: Sequence[str]) -> dict[str, torch.Tensor]:
    """Return the tensors whose names end in one of `suffixes`, keyed by the path of their layer."""
    state_dict = ((key, next((suffix for suffix in suffixes if key.endswith(suffix)), "")) for key in tensors)
    return {key.removesuffix(suffix): tensors[key] for key, suffix in state_dict if suffix}


def _layer(loaded: LoadedModel, path: str) -> torch.Tensor | None:
    """Return the weights (out, in, …) of the layer at `component.module.…`, or None."""
    part, _, rest = path.partition(".")
    module: Any = loaded.pipeline.components.get(part)
    for name in (rest, rest.removeprefix("text_model.")):
        try:
            layer = module.get_submodule(name)
        except AttributeError:
            continue
        weight = getattr(getattr(layer, "base_layer", layer), "weight", None)
        return weight if isinstance(weight, torch.Tensor) else None
    return None


def _incompatible(loaded: LoadedModel, lora: LoraUse, reason: str) -> ModelError:
    message = f"the LoRA {lora.name} does not fit {loaded.model.spec.name} ({loaded.family.label}): {reason}"
    return ModelError(message, hint="remove it, or choose the model it was trained for with -m", field="loras")
