"""Save a run between two steps to a file: the latents, the sampler's history and the generators' states.

A run resumed from such a file produces the same bytes. A file contains tensors and JSON only, no code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save

from invoke_cli.metadata.latents import ABOUT, GENERATOR, HISTORY, LATENTS

_TENSOR = "tensor"
_CHANNELS_LAST = "channels_last"


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplerState:
    """The state of a run after `calls` denoiser calls.

    Attributes:
        calls: How many denoiser calls have been made.
        history: The scheduler's attributes that changed since its schedule was set.
        generators: The state of each image's generator; empty if resuming from the first step seeds them again.
    """

    calls: int
    history: Mapping[str, object]
    generators: tuple[torch.Tensor, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """The state of one image's run, with its latents (1, channels, height / 8, width / 8)."""

    latents: torch.Tensor
    state: SamplerState


def history_of(scheduler: Any, fresh: Any) -> dict[str, object]:
    """Return the attributes in which a scheduler differs from a fresh one with the same schedule."""
    history: dict[str, object] = {}
    for name, value in vars(scheduler).items():
        plain = _to_plain(value)
        if plain is not _UNSUPPORTED and not _equal(plain, _to_plain(vars(fresh).get(name))):
            history[name] = _copied(plain)
    return history


def restore_history(scheduler: Any, history: Mapping[str, object], count: int, device: torch.device) -> None:
    """Restore a scheduler, whose schedule is set, to the history of one image, repeated for `count` images."""
    for name, value in history.items():
        setattr(scheduler, name, _to_device(value, count, device))


def pack(about: Mapping[str, object], latents: torch.Tensor, state: SamplerState, index: int) -> bytes:
    """Serialise image `index` of a batch as a safetensors file.

    Args:
        about: The entries of the file's JSON description.
        latents: The batch's latents (n, channels, height / 8, width / 8).
        state: The state of the batch's run.
        index: The image's position in the batch.
    """
    tensors: dict[str, torch.Tensor] = {}

    def store(name: str, tensor: torch.Tensor) -> dict[str, object]:
        one = tensor[index : index + 1] if tensor.ndim == 4 and len(tensor) > index else tensor
        is_channels_last = (
            one.ndim == 4 and not one.is_contiguous() and one.is_contiguous(memory_format=torch.channels_last)
        )
        tensors[name] = one.detach().to("cpu").clone(memory_format=torch.contiguous_format)
        return {_TENSOR: name, _CHANNELS_LAST: is_channels_last}

    def encoded(name: str, value: object) -> object:
        if isinstance(value, torch.Tensor):
            return store(name, value)
        if isinstance(value, list):
            return [encoded(f"{name}.{number}", each) for number, each in enumerate(value)]
        return value

    history = {name: encoded(f"{HISTORY}.{name}", value) for name, value in state.history.items()}
    document = {**about, LATENTS: store(LATENTS, latents), HISTORY: history}
    if state.generators:
        tensors[GENERATOR] = state.generators[index].clone()
    return bytes(save(tensors, metadata={ABOUT: json.dumps(document)}))


def unpack(data: bytes, about: Mapping[str, Any]) -> Checkpoint:
    """Parse the data that `pack` wrote; `about` is the file's JSON description."""
    tensors = load(data)

    def decoded(value: Any) -> Any:
        if isinstance(value, dict):
            memory_format = torch.channels_last if value[_CHANNELS_LAST] else torch.contiguous_format
            return tensors[value[_TENSOR]].contiguous(memory_format=memory_format)
        return [decoded(each) for each in value] if isinstance(value, list) else value

    history = {name: decoded(value) for name, value in about[HISTORY].items()}
    generators = (tensors[GENERATOR],) if GENERATOR in tensors else ()
    state = SamplerState(calls=about["calls"], history=history, generators=generators)
    return Checkpoint(latents=decoded(about[LATENTS]), state=state)


# -- values ----------------------------------------------------------------------------------------------------------


class _Unsupported:
    """Marks a value of any other type: a noise tree, a configuration. These are rebuilt from the seed or the model."""


_UNSUPPORTED = _Unsupported()


def _to_plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list):
        parts = [_to_plain(part) for part in value]
        return _UNSUPPORTED if any(part is _UNSUPPORTED for part in parts) else parts
    return value if value is None or isinstance(value, (bool, int, float, str, torch.Tensor)) else _UNSUPPORTED


def _equal(one: object, other: object) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one.cpu(), other.cpu())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, torch.Tensor) or isinstance(other, torch.Tensor):
        return False
    return type(one) is type(other) and one == other


def _copied(value: object) -> object:
    """Return a copy of nested lists, which the continuing run keeps changing."""
    return [_copied(part) for part in value] if isinstance(value, list) else value


def _to_device(value: object, count: int, device: torch.device) -> object:
    if isinstance(value, list):
        return [_to_device(part, count, device) for part in value]
    if not isinstance(value, torch.Tensor):
        return value
    return repeat_latents(value.to(device), count)


def repeat_latents(tensor: torch.Tensor, count: int) -> torch.Tensor:
    """Repeat a tensor of one image for `count` images; a tensor that is not per image stays as it is."""
    return torch.cat([tensor] * count) if tensor.ndim == 4 and count > 1 else tensor


def generator_states(generators: Sequence[torch.Generator]) -> tuple[torch.Tensor, ...]:
    """Return the states of generators as byte tensors."""
    return tuple(source.get_state() for source in generators)
