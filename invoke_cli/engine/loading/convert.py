"""Convert models: a single file to a folder, a pickle to safetensors."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.errors import ModelError
from invoke_cli.input_files import WEIGHTS, open_input

# The key of an embedding's vectors in safetensors files.
_EMBEDDING_KEY = "emb_params"


def save_as_folder(loaded: LoadedModel, folder: Path) -> None:
    """Write a model in the diffusers layout. The folder appears complete or not at all.

    Raises:
        ModelError: The model is quantised.
    """
    if loaded.model.facts.quantised:
        message = f"{loaded.model.spec.name} is quantised and cannot be converted to a folder"
        raise ModelError(message, hint="convert the original file that was quantised", field="model")
    temporary = folder.with_name(f".{folder.name}.part")
    loaded.pipeline.save_pretrained(temporary, safe_serialization=True)
    temporary.replace(folder)


def unpickle(source: Path, target: Path) -> None:
    """Write the tensors of a pickle (a checkpoint, a LoRA or an embedding) to a .safetensors file.

    torch's restricted loader reads the pickle: it accepts tensors and plain containers only, and executes no code.

    Raises:
        ModelError: The file is damaged, contains anything else, or has no tensors.
    """
    try:
        # The original textual inversion trainer stored its vectors in this container.
        with torch.serialization.safe_globals([torch.nn.ParameterDict]), open_input(source, WEIGHTS) as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, KeyError, EOFError, OSError):
        message = f"{source.name} was not opened: it contains more than tensors, or is damaged"
        raise ModelError(message, hint="look for a .safetensors file of the same model", field="model") from None
    tensors = dict(_tensors(content))
    if not tensors:
        hint = "pass a model checkpoint, a LoRA or an embedding"
        raise ModelError(f"{source.name} contains no tensors", hint=hint, field="model")
    temporary = target.with_name(f".{target.name}.part")
    save_file(tensors, temporary)
    temporary.replace(target)


def _tensors(content: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the file's tensors by name, each in memory of its own; training state is left out."""
    for name, value in _tensor_mapping(content).items():
        if isinstance(value, torch.Tensor):
            yield str(name), value.detach().contiguous().clone()


def _tensor_mapping(content: Any) -> Mapping[str, Any]:
    """Return the mapping with the tensors: a checkpoint's `state_dict`, or an embedding's single vector tensor."""
    if not isinstance(content, dict):
        return {}
    vectors = content.get("string_to_param")
    if vectors is not None:
        vectors = vectors.__dict__.get("_parameters") if isinstance(vectors, torch.nn.ParameterDict) else vectors
        return {_EMBEDDING_KEY: next(iter(vectors.values()))} if isinstance(vectors, dict) and len(vectors) == 1 else {}
    inner = content.get("state_dict", content)
    return inner if isinstance(inner, dict) else {}
