"""LoRAs on a loaded model: activated for one job and deactivated afterwards, which restores the model bit for bit.

The layers stay in memory beside the weights, so that changing LoRAs between lines does not reload the model.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch

from invoke_cli.engine.conditioning.lora_file import Notify, incompatible, is_merged, load_lora
from invoke_cli.engine.conditioning.merged_adapters import merged
from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.errors import ModelError
from invoke_cli.planning.plan import LoraUse, Plan

MAX_LOADED = 8


@contextmanager
def active_loras(loaded: LoadedModel, loras: Sequence[LoraUse], notify: Notify) -> Iterator[None]:
    """Activate these LoRAs at their weights.

    Args:
        loaded: The model.
        loras: The LoRAs, in the order of the line.
        notify: Receives notices about layers that the model lacks.

    Raises:
        ModelError: A LoRA does not fit the model; the message names both.
    """
    if not loras:
        yield
        return
    to_merge = [lora for lora in loras if is_merged(lora)]
    plain = [lora for lora in loras if lora not in to_merge]
    with ExitStack() as stack:
        stack.enter_context(merged(loaded, to_merge, notify))
        if plain:
            stack.enter_context(_active(loaded, plain, notify))
        yield


@contextmanager
def _active(loaded: LoadedModel, loras: Sequence[LoraUse], notify: Notify) -> Iterator[None]:
    """Activate plain LoRAs as adapters of PEFT."""
    pipeline = loaded.pipeline
    with ExitStack() as on_error:
        on_error.callback(unload_loras, loaded)  # LoRAs before the one that fails are already on the model
        _load_missing(loaded, loras, notify)
        on_error.pop_all()
    pipeline.enable_lora()
    pipeline.set_adapters([_name(lora) for lora in loras], [lora.weight for lora in loras])
    try:
        yield
    finally:
        pipeline.disable_lora()


def lora_tensors(loaded: LoadedModel, lora: LoraUse) -> Iterator[torch.Tensor]:
    """Yield the tensors of a LoRA that is loaded."""
    for part in loaded.pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            yield from (tensor for name, tensor in part.named_parameters() if f".{_name(lora)}." in name)


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


def _load_missing(loaded: LoadedModel, loras: Sequence[LoraUse], notify: Notify) -> None:
    """Load the LoRAs that are not in memory; if there would be too many, unload all others first."""
    if importlib.util.find_spec("peft") is None:
        raise ModelError("LoRAs need the package peft", hint='pip install "invoke-cli[lora]"', field="loras")
    if not hasattr(loaded.pipeline, "load_lora_weights"):
        raise incompatible(loaded, loras[0], "models of this kind do not support LoRAs")
    loaded_names = {name for names in loaded.pipeline.get_list_adapters().values() for name in names}
    if len(loaded_names | set(map(_name, loras))) > MAX_LOADED:
        loaded.pipeline.unload_lora_weights()
        loaded_names = set()
    for lora in loras:
        if _name(lora) not in loaded_names:
            load_lora(loaded, lora, _name(lora), notify)
            loaded_names.add(_name(lora))
