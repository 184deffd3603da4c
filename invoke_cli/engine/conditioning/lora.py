"""LoRAs on a loaded model: put on for one job and off again, which gives the model back bit for bit.

The layers stay in memory beside the weights, so that changing LoRAs between lines reads no model again.
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
    """The model with these LoRAs at their weights; ModelError, naming both, when one does not fit it."""
    if not loras:
        yield
        return
    pipeline = loaded.pipeline
    with ExitStack() as refused:
        refused.callback(take_off, loaded)  # those before one that is refused are on the model already
        _put_on(loaded, loras)
        refused.pop_all()
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


def _put_on(loaded: LoadedModel, loras: Sequence[LoraUse]) -> None:
    """Load the LoRAs that are not in memory; all others leave where there would be too many."""
    if importlib.util.find_spec("peft") is None:
        raise ModelError("LoRAs need the package peft", hint='pip install "invoke-cli[lora]"', field="loras")
    if not hasattr(loaded.pipeline, "load_lora_weights"):
        raise _misfit(loaded, loras[0], "models of this kind take no LoRAs")
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
    """ModelError when a layer of the LoRA has no counterpart in the model, one of another width, or is half missing."""
    into, out_of = _halves(tensors, _INTO), _halves(tensors, _OUT_OF)
    if not into and not out_of:
        raise _misfit(loaded, lora, "it has no layers that are known")
    for path in {**into, **out_of}:
        layer, down, up = _layer(loaded, path), into.get(path), out_of.get(path)
        if layer is None:
            raise _misfit(loaded, lora, f"the model has no layer {path}")
        if down is None or up is None:
            raise _misfit(loaded, lora, f"{path} is there by half")
        for wide, given in ((layer.shape[1], down.shape[1]), (layer.shape[0], up.shape[0])):
            if wide != given:
                raise _misfit(loaded, lora, f"{path} is {wide} wide in the model and {given} in the LoRA")
        if down.shape[0] != up.shape[1]:
            raise _misfit(loaded, lora, f"{path} is of rank {down.shape[0]} in one half and {up.shape[1]} in the other")


def _halves(tensors: Mapping[str, torch.Tensor], suffixes: Sequence[str]) -> dict[str, torch.Tensor]:
    """The tensors of one half of the LoRA's layers, by the paths of the layers."""
    found = ((key, next((suffix for suffix in suffixes if key.endswith(suffix)), "")) for key in tensors)
    return {key.removesuffix(suffix): tensors[key] for key, suffix in found if suffix}


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
