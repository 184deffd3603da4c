"""LoRAs on a loaded model: put on for one job and off again, which gives the model back bit for bit.

The layers stay in memory beside the weights, so that changing LoRAs between lines reads no model again.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from invoke_cli.engine.loading import LoadedModel
from invoke_cli.errors import ModelError
from invoke_cli.planning.plan import LoraUse, Plan

KEPT = 8

_INTO = (".lora_A.weight", ".lora.down.weight")
_OUT_OF = (".lora_B.weight", ".lora.up.weight")


@contextmanager
def wearing(loaded: LoadedModel, loras: Sequence[LoraUse]) -> Iterator[None]:
    """The model with these LoRAs at their weights; ModelError, naming both, when one does not fit it."""
    if not loras:
        yield
        return
    pipeline = loaded.pipeline
    for lora in loras:
        _load(loaded, lora)
    pipeline.enable_lora()
    pipeline.set_adapters([_name(lora) for lora in loras], [lora.weight for lora in loras])
    try:
        yield
    finally:
        pipeline.disable_lora()


def worn(plan: Plan) -> tuple[tuple[str, float], ...]:
    """What a plan puts on a model that changes how it reads: hashes and weights."""
    embeddings = [(embedding.sha256, 1.0) for embedding in plan.embeddings]
    return (*((lora.sha256, lora.weight) for lora in plan.loras), *embeddings)


def take_off(loaded: LoadedModel) -> None:
    """Remove all layers of LoRAs from the model, before it is written to disk."""
    if any(hasattr(part, "peft_config") for part in loaded.pipeline.components.values()):
        loaded.pipeline.unload_lora_weights()


def _name(lora: LoraUse) -> str:
    return f"lora_{lora.sha256[:16]}"


def _load(loaded: LoadedModel, lora: LoraUse) -> None:
    pipeline = loaded.pipeline
    if importlib.util.find_spec("peft") is None:
        raise ModelError("LoRAs need the package peft", hint='pip install "invoke-cli[lora]"', field="loras")
    if not hasattr(pipeline, "load_lora_weights"):
        raise _misfit(loaded, lora, "models of this kind take no LoRAs")
    there = list(dict.fromkeys(name for names in pipeline.get_list_adapters().values() for name in names))
    if _name(lora) in there:
        return
    if len(there) >= KEPT:
        pipeline.unload_lora_weights()
    path = Path(lora.path)
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
    """ModelError when a layer of the LoRA has no counterpart in the model, or one of another width."""
    known = 0
    for key, tensor in tensors.items():
        suffix = next((suffix for suffix in (*_INTO, *_OUT_OF) if key.endswith(suffix)), None)
        if suffix is None:
            continue
        layer = _layer(loaded, key.removesuffix(suffix))
        if layer is None:
            raise _misfit(loaded, lora, f"the model has no layer {key.removesuffix(suffix)}")
        known += 1
        wide = layer.shape[1] if suffix in _INTO else layer.shape[0]
        given = tensor.shape[1] if suffix in _INTO else tensor.shape[0]
        if wide != given:
            message = f"{key.removesuffix(suffix)} is {wide} wide in the model and {given} in the LoRA"
            raise _misfit(loaded, lora, message)
    if not known:
        raise _misfit(loaded, lora, "it has no layers that are known")


def _layer(loaded: LoadedModel, path: str) -> torch.Tensor | None:
    """The weights (out, in, …) of the layer at `component.module.…`."""
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
    return ModelError(message, hint="leave it out, or choose the model it was made for with -m", field="loras")
