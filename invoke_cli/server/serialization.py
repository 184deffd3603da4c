"""Convert arguments and results of the engine to JSON and back. Only plain classes of known modules are instantiated.

A tuple is a JSON array; every other type that JSON lacks is an object with its type under the key `$`. Bytes, images
and arrays are sent as blobs after the JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Protocol

from invoke_cli import engine, events, request
from invoke_cli.imaging import patches, sizes
from invoke_cli.language.prompt import ast, prompt
from invoke_cli.metadata import codec, latents
from invoke_cli.models import registry, samplers, upscalers
from invoke_cli.models.families import family
from invoke_cli.models.files import folder
from invoke_cli.planning import plan, postprocess

MODULES: tuple[ModuleType, ...] = (
    engine, events, request, patches, sizes, prompt, ast, codec, latents, family, folder, registry, samplers,
    upscalers, postprocess, plan,
)  # fmt: skip
MODES = ("L", "LA", "RGB", "RGBA")
KIND = "$"


class SerializationError(Exception):
    """A value cannot be serialized, or received data is invalid."""


@dataclass(eq=False, slots=True, weakref_slot=True)
class Handle:
    """A reference by number to a state in the session: a result that the next stage of a chain starts from."""

    number: int


class States(Protocol):
    """The states of one side, by number."""

    def number_of(self, state: object) -> int:
        """Return the number of a state."""

    def state_of(self, number: int) -> object:
        """Return the state with this number; raise SerializationError if there is none."""


def _known() -> dict[str, type]:
    classes: dict[str, type] = {}
    for module in MODULES:
        for name, value in vars(module).items():
            if isinstance(value, type) and value.__module__ == module.__name__ and _is_plain(value):
                classes[name] = value
    return classes


def _is_plain(kind: type) -> bool:
    return is_dataclass(kind) or hasattr(kind, "_fields") or issubclass(kind, Enum)


# The serializable classes by name: dataclasses, named tuples and enums of the modules above.
KNOWN: Mapping[str, type] = MappingProxyType(_known())


@dataclass(kw_only=True, slots=True)
class Packer:
    """Converts values to JSON data and `blobs`."""

    states: States
    blobs: list[bytes] = field(default_factory=list)

    def pack(self, value: object) -> object:
        """Convert a value to JSON data; raise SerializationError for an unsupported type."""
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, Enum):
            return self._tagged(type(value).__name__, value=self.pack(value.value))
        if isinstance(value, tuple):
            items = [self.pack(item) for item in value]
            return self._tagged(type(value).__name__, items=items) if hasattr(value, "_fields") else items
        if KNOWN.get(type(value).__name__) is type(value) and is_dataclass(value):
            return self._tagged(type(value).__name__, **self._fields(value))
        return self._other(value)

    def _fields(self, value: Any) -> dict[str, object]:
        return {
            row.name: self._state(getattr(value, row.name))
            if (type(value).__name__, row.name) in STATES
            else self.pack(getattr(value, row.name))
            for row in fields(value)
        }

    def _state(self, state: object) -> object:
        return None if state is None else self._tagged("state", number=self.states.number_of(state))

    def _other(self, value: object) -> object:
        from PIL import Image

        if isinstance(value, Mapping):
            return self._tagged("map", items=[[self.pack(key), self.pack(item)] for key, item in value.items()])
        if isinstance(value, list):
            return self._tagged("list", items=[self.pack(item) for item in value])
        if isinstance(value, Path):
            return self._tagged("path", text=str(value.absolute()))
        if isinstance(value, bytes):
            return self._tagged("bytes", blob=self._blob(value))
        if isinstance(value, Image.Image) and value.mode in MODES:
            return self._tagged("image", mode=value.mode, size=list(value.size), blob=self._blob(value.tobytes()))
        return self._array(value)

    def _array(self, value: object) -> object:
        import numpy as np

        if isinstance(value, np.ndarray) and value.dtype == np.float32:
            return self._tagged("array", shape=list(value.shape), blob=self._blob(value.tobytes()))
        raise SerializationError(f"{type(value).__name__} cannot be sent")

    def _blob(self, data: bytes) -> int:
        self.blobs.append(data)
        return len(self.blobs) - 1

    def _tagged(self, kind: str, /, **data_fields: object) -> dict[str, object]:
        return {KIND: kind, **data_fields}


# Engine states, by class and field: they stay in the session and are sent as handles.
STATES = {("ImageResult", "state"), ("Job", "start"), ("DiffusionJob", "latents")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Unpacker:
    """Converts JSON data and blobs back to values."""

    states: States
    blobs: Sequence[bytes] = ()

    def unpack(self, data: object) -> Any:
        """Convert JSON data to a value; raise SerializationError for invalid data."""
        if isinstance(data, list):
            return tuple(self.unpack(item) for item in data)
        if not isinstance(data, dict):
            return data
        data_fields = dict(data)
        kind = data_fields.pop(KIND, None)
        try:
            if kind in self._readers():
                return self._readers()[kind](data_fields)
            return self._instance(KNOWN[kind], data_fields)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise SerializationError(f"invalid {kind!r}: {error}") from None

    def _instance(self, expected_class: type, data_fields: Mapping[str, Any]) -> object:
        if issubclass(expected_class, Enum):
            return expected_class(self.unpack(data_fields["value"]))
        if hasattr(expected_class, "_fields"):
            return expected_class(*map(self.unpack, data_fields["items"]))
        return expected_class(**{name: self.unpack(value) for name, value in data_fields.items()})

    def _readers(self) -> Mapping[str, Callable[[Mapping[str, Any]], object]]:
        return {
            "state": lambda data_fields: self.states.state_of(int(data_fields["number"])),
            "map": lambda data_fields: {self.unpack(key): self.unpack(item) for key, item in data_fields["items"]},
            "list": lambda data_fields: [self.unpack(item) for item in data_fields["items"]],
            "path": lambda data_fields: Path(data_fields["text"]),
            "bytes": lambda data_fields: self.blobs[data_fields["blob"]],
            "image": self._image,
            "array": self._array,
        }

    def _image(self, data_fields: Mapping[str, Any]) -> object:
        from PIL import Image

        if data_fields["mode"] not in MODES:
            raise SerializationError("an image of an unknown mode")
        width, height = data_fields["size"]
        return Image.frombytes(data_fields["mode"], (int(width), int(height)), self.blobs[data_fields["blob"]])

    def _array(self, data_fields: Mapping[str, Any]) -> object:
        import numpy as np

        flat = np.frombuffer(self.blobs[data_fields["blob"]], dtype=np.float32)
        return flat.reshape([int(side) for side in data_fields["shape"]]).copy()
