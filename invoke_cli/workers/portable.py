"""Messages for another machine: models and files are named there, with hashes, in place of the paths of this one."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from invoke_cli.context.hub_cache import hub_cache
from invoke_cli.context.model_hashes import ModelHashes
from invoke_cli.context.options import SessionOptions
from invoke_cli.context.paths import PACKAGE
from invoke_cli.context.settings import Settings
from invoke_cli.engine import Model
from invoke_cli.errors import InvokeError, WorkerUnfit
from invoke_cli.models.registry import ModelSpec
from invoke_cli.server.serialization import Packer, SerializationError, Unpacker

# The fields with files that a job needs besides its model.
_FILES = {
    ("LoraUse", "path"), ("EmbeddingUse", "path"), ("ControlUse", "path"), ("ControlUse", "encoder"),
    ("NetworkFile", "path"), ("NetworkJob", "path"), ("Upscaler", "folder"), ("SegmentationJob", "folder"),
}  # fmt: skip
_CONTENT = (".safetensors", ".gguf", ".json")  # the files of a folder on which results depend


class Files:
    """The models and files of one machine.

    Args:
        settings: The settings, which know the models and folders.
        hashes: The hashes that are known already.
    """

    def __init__(self, settings: Settings, hashes: ModelHashes) -> None:
        self._settings, self._hashes = settings, hashes
        self._lock = threading.Lock()  # so that each hash is computed once, however many workers need it

    def identity(self, model: Model) -> str:
        """Return a hash of everything that a model's results depend on."""
        facts = model.facts
        about = (facts.scheduler, facts.prediction_type, bool(facts.zero_snr_source), facts.quantize, facts.vae_config)
        with self._lock:
            return sha256(f"{self._hashes.of_model(model)}{about}".encode()).hexdigest()

    def find_model(self, spec: ModelSpec) -> Model:
        """Return the model with the name of an entry of another machine; one without an entry is in the same folder."""
        is_folder = self._settings.is_used_by_folder(spec)
        return Model(spec=spec, facts=self._settings.model(spec.path if is_folder else spec.name).facts)

    def place_of(self, path: str) -> tuple[str, str]:
        """Return the folder that a path is in, by its purpose, and the rest of the path; or "" and the whole path."""
        for purpose, folder in self._places().items():
            if Path(path).is_relative_to(folder):
                return purpose, Path(path).relative_to(folder).as_posix()
        return "", path

    def find(self, purpose: str, rest: str) -> Path:
        """Return the path of this machine for what `place_of` returned on another one."""
        return self._places().get(purpose, Path()) / rest

    def content(self, path: Path) -> str:
        """Return a hash of a file, or of the weights and the configuration in a folder; empty if it is missing."""
        inside = sorted(each for each in path.rglob("*") if each.suffix in _CONTENT) if path.is_dir() else []
        with self._lock:
            if path.is_file():
                return self._hashes.of_file(path)
            named = [(each.relative_to(path).as_posix(), self._hashes.of_file(each)) for each in inside]
        return sha256(repr(named).encode()).hexdigest() if named else ""

    def _places(self) -> Mapping[str, Path]:
        paths = self._settings.paths
        found = {"data": paths.data or paths.root, "root": paths.root, "package": PACKAGE, "hub": hub_cache()}
        return {**found, **paths.added}


def files_of_this_machine(root: str) -> Files:
    """Return the models and files of a root folder; empty for the default one."""
    return Files(Settings(SessionOptions(root=root or None)), ModelHashes())


@dataclass(kw_only=True, slots=True)
class PortablePacker(Packer):
    """Packs values for another machine."""

    files: Files

    def pack(self, value: object) -> object:
        """Convert a value to JSON data; a model becomes its entry and its hash."""
        if isinstance(value, Model):
            return self._tagged("model", spec=self.pack(value.spec), identity=self.files.identity(value))
        return Packer.pack(self, value)

    def _fields(self, value: Any) -> dict[str, object]:
        packed = Packer._fields(self, _without_paths(value))
        for name in _file_fields(value):
            packed[name] = self._file(getattr(value, name))
        return packed

    def _file(self, path: str | Path) -> object:
        if not str(path):
            return path
        purpose, rest = self.files.place_of(str(path))
        content = self.files.content(Path(path))
        return self._tagged("file", purpose=purpose, rest=rest, content=content, is_text=isinstance(path, str))

    def _other(self, value: object) -> object:
        if isinstance(value, Path):
            raise SerializationError("a worker on another machine cannot use the files of this one")
        return Packer._other(self, value)


def _file_fields(value: object) -> Sequence[str]:
    kind = type(value).__name__
    return [name for owner, name in sorted(_FILES) if owner == kind]


def _without_paths(value: Any) -> Any:
    return replace(value, **dict.fromkeys(_file_fields(value), ""))


@dataclass(frozen=True, kw_only=True, slots=True)
class PortableUnpacker(Unpacker):
    """Unpacks values from another machine; models and files are looked up here, and must have the same content.

    Attributes:
        files: The models and files of this machine.
        name: The name of this worker in errors.
    """

    files: Files
    name: str

    def _readers(self) -> Mapping[str, Any]:
        return {**Unpacker._readers(self), "model": self._model, "file": self._file}

    def _model(self, data_fields: Mapping[str, Any]) -> Model:
        """Return this machine's model of that name. Raises WorkerUnfit if there is none, or another one."""
        spec: ModelSpec = self.unpack(data_fields["spec"])
        try:
            found = self.files.find_model(spec)
        except InvokeError as error:
            raise self._unfit(f"has no model {spec.name} ({error.message})") from None
        if self._identity(found) != data_fields["identity"]:
            raise self._unfit(f"has another model with the name {spec.name}")
        return found

    def _identity(self, model: Model) -> str:
        try:
            return self.files.identity(model)
        except OSError as error:
            raise self._unfit(f"cannot read the model {model.spec.name}: {error}") from None

    def _file(self, data_fields: Mapping[str, Any]) -> str | Path:
        path = self.files.find(str(data_fields["purpose"]), str(data_fields["rest"]))
        content = self.files.content(path)
        if content != data_fields["content"]:
            problem = "another file" if content else "no file"
            raise self._unfit(f"has {problem} {path}")
        return str(path) if data_fields["is_text"] else path

    def _unfit(self, problem: str) -> WorkerUnfit:
        hint = "copy the models of this machine there, or choose the folder with --worker_root"
        return WorkerUnfit(f"{self.name} {problem}", hint=hint)
