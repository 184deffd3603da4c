"""Models from one form into another: a single file into a folder, a pickle into safetensors."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from invoke_cli.engine.loading import LoadedModel
from invoke_cli.errors import ModelError


def save_as_folder(loaded: LoadedModel, folder: Path) -> None:
    """Write a model in the diffusers layout; it appears whole or not at all. ModelError for a quantised one."""
    if loaded.model.facts.quantised:
        message = f"{loaded.model.spec.name} is quantised, and its numbers are not those of a folder"
        raise ModelError(message, hint="convert the file that it was made from", field="model")
    beside = folder.with_name(f".{folder.name}.part")
    loaded.pipeline.save_pretrained(beside, safe_serialization=True)
    beside.replace(folder)


def unpickle(source: Path, target: Path) -> None:
    """Write the tensors of a checkpoint that is a pickle as a .safetensors file.

    torch's restricted loader reads it, which knows tensors and plain containers and calls nothing; ModelError for a
    file that holds anything else.
    """
    try:
        content = torch.load(source, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, KeyError, EOFError, OSError):
        message = f"{source.name} is not opened: it holds more than tensors, or is damaged"
        raise ModelError(message, hint="look for a .safetensors file of the same model", field="model") from None
    tensors = dict(_tensors(content))
    if not tensors:
        raise ModelError(f"{source.name} holds no tensors", hint="name a model's checkpoint", field="model")
    beside = target.with_name(f".{target.name}.part")
    save_file(tensors, beside)
    beside.replace(target)


def _tensors(content: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of a checkpoint by name, each with memory of its own; training states are left out."""
    inner = content.get("state_dict", content) if isinstance(content, dict) else {}
    for name, value in inner.items():
        if isinstance(value, torch.Tensor):
            yield str(name), value.contiguous().clone()
