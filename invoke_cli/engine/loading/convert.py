"""Models from one form into another: a single file into a folder, a pickle into safetensors."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.errors import ModelError

# The name under which files of safetensors have the vectors of an embedding.
_VECTORS = "emb_params"


def save_as_folder(loaded: LoadedModel, folder: Path) -> None:
    """Write a model in the diffusers layout; it appears whole or not at all. ModelError for a quantised one."""
    if loaded.model.facts.quantised:
        message = f"{loaded.model.spec.name} is quantised, and its numbers are not those of a folder"
        raise ModelError(message, hint="convert the file that it was made from", field="model")
    beside = folder.with_name(f".{folder.name}.part")
    loaded.pipeline.save_pretrained(beside, safe_serialization=True)
    beside.replace(folder)


def unpickle(source: Path, target: Path) -> None:
    """Write the tensors of a pickle (a checkpoint, a LoRA or an embedding) as a .safetensors file.

    torch's restricted loader reads it, which knows tensors and plain containers and calls nothing; ModelError for a
    file that holds anything else.
    """
    try:
        # The trainer of the first embeddings kept their vectors in this container.
        with torch.serialization.safe_globals([torch.nn.ParameterDict]):
            content = torch.load(source, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, KeyError, EOFError, OSError):
        message = f"{source.name} is not opened: it holds more than tensors, or is damaged"
        raise ModelError(message, hint="look for a .safetensors file of the same model", field="model") from None
    tensors = dict(_tensors(content))
    if not tensors:
        hint = "name the checkpoint of a model, a LoRA or an embedding"
        raise ModelError(f"{source.name} holds no tensors", hint=hint, field="model")
    beside = target.with_name(f".{target.name}.part")
    save_file(tensors, beside)
    beside.replace(target)


def _tensors(content: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of a file by name, each with memory of its own; training states are left out."""
    for name, value in _inner(content).items():
        if isinstance(value, torch.Tensor):
            yield str(name), value.detach().contiguous().clone()


def _inner(content: Any) -> Mapping[str, Any]:
    """Where a file has its tensors: a model's beside its training state, an embedding's beside the words for them."""
    if not isinstance(content, dict):
        return {}
    vectors = content.get("string_to_param")
    if vectors is not None:
        vectors = vectors.__dict__.get("_parameters") if isinstance(vectors, torch.nn.ParameterDict) else vectors
        return {_VECTORS: next(iter(vectors.values()))} if isinstance(vectors, dict) and len(vectors) == 1 else {}
    inner = content.get("state_dict", content)
    return inner if isinstance(inner, dict) else {}
