"""Keep models in memory while there is room, and evict the least recently used first.

A model evicted from a GPU is kept in main memory if that has room, and is then restored without reading the disk.
Components that two models share are in memory once.
"""

from __future__ import annotations

import gc
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from invoke_cli.engine import Model
from invoke_cli.engine.devices import Device, main_memory
from invoke_cli.engine.loading.load import LoadedModel, with_preview_vae
from invoke_cli.engine.memory import memory_errors
from invoke_cli.input_files import file_sha256
from invoke_cli.models.files.folder import ModelFacts, read_json
from invoke_cli.models.files.weights_header import count_parameters, read_header

# Memory reserved for an image and the libraries besides the weights: a share of the device's, and a minimum in bytes.
RESERVED_SHARE, RESERVED_BYTES = 0.1, 1_000_000_000
Load = Callable[[Model, dict[str, Any]], LoadedModel]


class ModelCache:
    """The models in memory, in order of use.

    Args:
        device: The device to load them to.
        limit: How many to keep, in main memory too; 0 for as many as fit.
        max_bytes: The bytes that their weights may take together; 0 for what is free. The model in use may take more.
    """

    def __init__(self, device: Device, *, limit: int = 0, max_bytes: int = 0) -> None:
        self._device, self._limit, self._max_bytes = device, limit, max_bytes
        self._models: OrderedDict[str, LoadedModel] = OrderedDict()
        self._on_cpu: set[str] = set()
        self._sizes: dict[str, int] = {}
        self._digests: dict[tuple[str, int, int], str] = {}

    @property
    def current(self) -> LoadedModel | None:
        """The most recently used model."""
        return next(reversed(self._models.values()), None)

    def names(self) -> tuple[str, ...]:
        """Return the names of the models in memory, most recently used first."""
        return tuple(loaded.model.spec.name for loaded in reversed(self._models.values()))

    def has(self, model: Model, offload: str) -> bool:
        """Return whether the model is in memory with this offload mode; an empty `offload` accepts any."""
        loaded = self._models.get(model.facts.key)
        return loaded is not None and offload in ("", loaded.offload)

    def get(self, model: Model, load: Load, offload: str = "") -> LoadedModel:
        """Return the model, ready on the device.

        Args:
            model: The registry entry and its facts.
            load: Loads the model, given the components that are already in memory.
            offload: The offload mode; empty accepts any.
        """
        key = model.facts.key
        if key in self._models and not self.has(model, offload):
            self._remove(key)  # offload hooks cannot be removed, so the model is loaded again
        if key not in self._models:
            self._sizes[key] = _weight_bytes(model.facts, self._device)
            self._keep_limits(self._sizes[key])
            self._make_room(self._sizes[key])
            shared = {} if offload not in ("", "none") else self._shared_components(model.facts)
            with memory_errors(f"loading {model.spec.name}", self._device):
                self._models[key] = load(model, shared)
        elif key in self._on_cpu:
            self._make_room(self._sizes[key], keep=key)
            self._models[key].pipeline.to(self._device.torch_device)
            self._on_cpu.remove(key)
        if self._models[key].model != model:  # another entry for the same files
            self._models[key] = with_preview_vae(replace(self._models[key], model=model), self._device)
        self._models.move_to_end(key)
        return self._models[key]

    def clear(self) -> None:
        """Remove all models."""
        self._models.clear()
        self._on_cpu.clear()

    # -- memory -----------------------------------------------------------------------------------------------------

    def _keep_limits(self, needed: int) -> None:
        """Remove models, the least recently used first, so that another of `needed` bytes stays within the limits."""
        for key in list(self._models):
            too_many = self._limit and len(self._models) >= self._limit
            too_large = self._max_bytes and sum(self._sizes[each] for each in self._models) + needed > self._max_bytes
            if not (too_many or too_large):
                return
            self._remove(key)

    def _make_room(self, needed: int, keep: str = "") -> None:
        """Evict models, the least recently used first, until `needed` bytes and the reserve are free."""
        for key in list(self._models):
            memory = self._device.memory()
            if memory.free >= needed + max(RESERVED_BYTES, memory.total * RESERVED_SHARE):
                return
            if key != keep and key not in self._on_cpu:
                self._evict(key)
                gc.collect()
                self._device.release()

    def _remove(self, key: str) -> None:
        del self._models[key]
        self._on_cpu.discard(key)
        gc.collect()
        self._device.release()

    def _evict(self, key: str) -> None:
        """Move a model to main memory if it fits there, otherwise remove it."""
        size = self._sizes[key]
        resident = self._device.kind != "cpu" and self._models[key].offload == "none"
        if resident and main_memory()[0] > size + RESERVED_BYTES:
            self._models[key].pipeline.to("cpu")
            self._on_cpu.add(key)
        else:
            del self._models[key]

    # -- sharing ----------------------------------------------------------------------------------------------------

    def _shared_components(self, facts: ModelFacts) -> dict[str, Any]:
        """Return the model's components that another loaded model has, too: same config, same files."""
        found: dict[str, Any] = {}
        for part, files in facts.parts.items():
            config = _config(facts, part)
            for key, loaded in self._models.items():
                component = (
                    None if key in self._on_cpu or config is None else self._matching_component(config, files, loaded)
                )
                if component is not None:
                    found[part] = component
        return found

    def _matching_component(self, config: dict[str, Any], files: Sequence[Path], loaded: LoadedModel) -> Any | None:
        other = loaded.model.facts
        if loaded.offload != "none":
            return None
        for part, other_files in other.parts.items():
            if not all(path.is_file() for path in other_files):
                continue  # the files were moved after loading
            same = [path.stat().st_size for path in files] == [path.stat().st_size for path in other_files]
            if same and config == _config(other, part) and self._digest(files) == self._digest(other_files):
                return getattr(loaded.pipeline, part, None)
        return None

    def _digest(self, files: Sequence[Path]) -> tuple[str, ...]:
        return tuple(self._hash(path) for path in files)

    def _hash(self, path: Path) -> str:
        stat = path.stat()
        key = (str(path.resolve()), stat.st_mtime_ns, stat.st_size)
        if key not in self._digests:
            self._digests[key] = file_sha256(path).hex()
        return self._digests[key]


def _config(facts: ModelFacts, part: str) -> dict[str, Any] | None:
    """Return a component's config; None if its weights come from elsewhere, or its config file is missing."""
    if part == facts.family.vae and facts.vae_from is not None:
        config: dict[str, Any] = json.loads(facts.vae_config)
    elif facts.single_file or not (facts.folder / part / "config.json").is_file():
        return None
    else:
        config = read_json(facts.folder / part / "config.json", "")
    quantized = {"quantize": facts.quantize} if part == facts.family.denoiser and facts.quantize else {}
    return {**{key: value for key, value in config.items() if not key.startswith("_")}, **quantized}


def _weight_bytes(facts: ModelFacts, device: Device) -> int:
    """Return the size of a model's weights in the device's dtype, in bytes."""
    total = 0
    for path in facts.weights:
        header = read_header(path) if path.suffix.lower() == ".safetensors" else None
        total += count_parameters(header) * device.dtype.itemsize if header else path.stat().st_size
    return total
