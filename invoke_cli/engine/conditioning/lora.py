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

KEPT = 8

_INTO = (".lora_A.weight", ".lora.down.weight", ".lora_linear_layer.down.weight")
_OUT_OF = (".lora_B.weight", ".lora.up.weight", ".lora_linear_layer.up.weight")


@contextmanager
def wearing(loaded: LoadedModel, loras: Sequence[LoraUse]) -> Iterator[None]:
    """Activate these LoRAs at their weights.

    Raises:
        ModelError: A LoRA does not fit the model; the message names both.
    """
    if not loras:
        yield
        return
    pipeline = loaded.pipeline
    with ExitStack() as refused:
        refused.callback(take_off, loaded)  # LoRAs before the one that fails are already on the model
        _put_on(loaded, loras)
        refused.pop_all()
    pipeline.enable_lora()
    pipeline.set_adapters([_name(lora) for lora in loras], [lora.weight for lora in loras])
    try:
        yield
    finally:
        pipeline.disable_lora()


def worn(plan: Plan) -> tuple[tuple[str, float], ...]:
    """Return the hash and weight of each adapter of a plan that changes how the text encoder reads."""
    embeddings = [(embedding.sha256, 1.0) for embedding in plan.embeddings]
    return (*((lora.sha256, lora.weight) for lora in plan.loras), *embeddings)


def take_off(loaded: LoadedModel) -> None:
    """Remove all LoRA layers from the model, before it is written to disk."""
    if any(hasattr(part, "peft_config") for part in loaded.pipeline.components.values()):
        loaded.pipeline.unload_lora_weights()


def _name(lora: LoraUse) -> str:
    return f"lora_{lora.sha256[:16]}"


def _put_on(loaded: LoadedModel, loras: Sequence[LoraUse]) -> None:
    """Load the LoRAs that are not in memory; if there would be too many, unload all others first."""
    if importlib.util.find_spec("peft") is None:
        raise ModelError("LoRAs need the package peft", hint='pip install "invoke-cli[lora]"', field="loras")
    if not hasattr(loaded.pipeline, "load_lora_weights"):
        raise _misfit(loaded, loras[0], "models of this kind do not support LoRAs")
    there = {name for names in loaded.pipeline.get_list_adapters().values() for name in names}
    if len(there | set(map(_name, loras))) > KEPT:
        loaded.pipeline.unload_lora_weights()
        there = set()
    for lora in loras:
        if _name(lora) not in there:
            _load(loaded, lora)
            there.add(_name(lora))


def _load(loaded: LoadedModel, lora: LoraUse) -> None:
    pipeline, path = loaded.pipeline, Path(lora.path)
    try:
        found = pipeline.lora_state_dict(str(path.parent), weight_name=path.name, local_files_only=True)
        _check_fit(loaded, lora, found[0] if isinstance(found, tuple) else found)
        pipeline.load_lora_weights(
            str(path.parent), weight_name=path.name, adapter_name=_name(lora), local_files_only=True
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise _misfit(loaded, lora, reason) from None


def _check_fit(loaded: LoadedModel, lora: LoraUse, tensors: Mapping[str, torch.Tensor]) -> None:
    """Check that each LoRA layer is complete and matches a layer of the model.

    Raises:
        ModelError: A layer has no counterpart in the model or one of another width, or lacks one of its two matrices.
    """
    into, out_of = _halves(tensors, _INTO), _halves(tensors, _OUT_OF)
    if not into and not out_of:
        raise _misfit(loaded, lora, "it contains no known layers")
    for path in {**into, **out_of}:
        layer, down, up = _layer(loaded, path), into.get(path), out_of.get(path)
        if layer is None:
            raise _misfit(loaded, lora, f"the model has no layer {path}")
        if down is None or up is None:
            raise _misfit(loaded, lora, f"{path} has only one of its two matrices")
        for wide, given in ((layer.shape[1], down.shape[1]), (layer.shape[0], up.shape[0])):
            if wide != given:
                raise _misfit(loaded, lora, f"{path} has width {wide} in the model and {given} in the LoRA")
        if down.shape[0] != up.shape[1]:
            raise _misfit(loaded, lora, f"{path} has rank {down.shape[0]} in one matrix and {up.shape[1]} in the other")


def _halves(tensors: Mapping[str, torch.Tensor], suffixes: Sequence[str]) -> dict[str, torch.Tensor]:
    """Return the tensors whose names end in one of `suffixes`, keyed by the path of their layer."""
    found = ((key, next((suffix for suffix in suffixes if key.endswith(suffix)), "")) for key in tensors)
    return {key.removesuffix(suffix): tensors[key] for key, suffix in found if suffix}


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


def _misfit(loaded: LoadedModel, lora: LoraUse, reason: str) -> ModelError:
    message = f"the LoRA {lora.name} does not fit {loaded.model.spec.name} ({loaded.family.label}): {reason}"
    return ModelError(message, hint="remove it, or choose the model it was trained for with -m", field="loras")
