"""Values of the engine's seam as JSON and back. Nothing is executed: only the plain classes of known modules are made.

A tuple is an array; everything else that JSON lacks is an object with the key `$`, which says what it is. Bytes,
pictures and arrays travel as blobs beside the JSON.
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
    """What arrived is not what this program sends."""


@dataclass(eq=False, slots=True, weakref_slot=True)
class Handle:
    """What stays in the session, by its number: a result that the next stage of a chain starts from."""

    number: int


class States(Protocol):
    """Where one side keeps what stands behind the handles."""

    def number_of(self, state: object) -> int:
        """The number by which a state is known."""

    def state_of(self, number: int) -> object:
        """The state of this number; WireError when there is none."""


def _known() -> dict[str, type]:
    found: dict[str, type] = {}
    for module in MODULES:
        for name, value in vars(module).items():
            if isinstance(value, type) and value.__module__ == module.__name__ and _is_plain(value):
                found[name] = value
    return found


def _is_plain(kind: type) -> bool:
    return is_dataclass(kind) or hasattr(kind, "_fields") or issubclass(kind, Enum)


# The classes that may travel, by name: dataclasses, named tuples and enums of the modules above.
KNOWN: Mapping[str, type] = MappingProxyType(_known())


@dataclass(kw_only=True, slots=True)
class Packer:
    """Turns values into JSON data and the `blobs` beside it."""

    states: States
    blobs: list[bytes] = field(default_factory=list)

    def pack(self, value: object) -> object:
        """The value as JSON data; WireError for what cannot travel."""
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
        raise SerializationError(f"{type(value).__name__} does not travel")

    def _blob(self, data: bytes) -> int:
        self.blobs.append(data)
        return len(self.blobs) - 1

    def _tagged(self, kind: str, /, **said: object) -> dict[str, object]:
        return {KIND: kind, **said}


# What an engine alone understands, by class and field: it stays where it is.
STATES = {("ImageResult", "state"), ("Job", "start"), ("DiffusionJob", "latents")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Unpacker:
    """Turns JSON data and its blobs into values again."""

    states: States
    blobs: Sequence[bytes] = ()

    def unpack(self, data: object) -> Any:
        """The value; WireError for anything that this program does not send."""
        if isinstance(data, list):
            return tuple(self.unpack(item) for item in data)
        if not isinstance(data, dict):
            return data
        said = dict(data)
        kind = said.pop(KIND, None)
        try:
            if kind in self._readers():
                return self._readers()[kind](said)
            return self._instance(KNOWN[kind], said)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise SerializationError(f"{kind!r} cannot be read: {error}") from None

    def _instance(self, wanted: type, said: Mapping[str, Any]) -> object:
        if issubclass(wanted, Enum):
            return wanted(self.unpack(said["value"]))
        if hasattr(wanted, "_fields"):
            return wanted(*map(self.unpack, said["items"]))
        return wanted(**{name: self.unpack(value) for name, value in said.items()})

    def _readers(self) -> Mapping[str, Callable[[Mapping[str, Any]], object]]:
        return {
            "state": lambda said: self.states.state_of(int(said["number"])),
            "map": lambda said: {self.unpack(key): self.unpack(item) for key, item in said["items"]},
            "list": lambda said: [self.unpack(item) for item in said["items"]],
            "path": lambda said: Path(said["text"]),
            "bytes": lambda said: self.blobs[said["blob"]],
            "image": self._image,
            "array": self._array,
        }

    def _image(self, said: Mapping[str, Any]) -> object:
        from PIL import Image

        if said["mode"] not in MODES:
            raise SerializationError("a picture of an unknown mode")
        width, height = said["size"]
        return Image.frombytes(said["mode"], (int(width), int(height)), self.blobs[said["blob"]])

    def _array(self, said: Mapping[str, Any]) -> object:
        import numpy as np

        flat = np.frombuffer(self.blobs[said["blob"]], dtype=np.float32)
        return flat.reshape([int(side) for side in said["shape"]]).copy()
