"""The settings of a session: the known models, and the layers of defaults below a line.

The layers, lowest first: program, family, the model's entry, invoke.init, launch, !set, the line.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from invoke_cli.context.hub_cache import find_snapshot, is_hub_id
from invoke_cli.context.init_files import LEGACY_INIT_FILE, merged, read_init, read_legacy_init
from invoke_cli.context.options import SessionOptions
from invoke_cli.context.paths import (
    FOLDERS_FILE,
    IN_PACKAGE,
    MODELS_FILE,
    OUTPUTS,
    RECOMMENDED_FILE,
    expand_path,
    find_paths,
    is_file,
    is_folder,
    output_folder_for,
    path_exists,
    read_text,
)
from invoke_cli.context.yaml_store import USED_BY_FOLDER, Folders, ModelsFile
from invoke_cli.engine import Model
from invoke_cli.errors import ConfigError, InvokeError, ModelError, OutputError, PlanError
from invoke_cli.language.grammar.line import Generation, parse, switches_only
from invoke_cli.language.switches.switch import Group
from invoke_cli.language.switches.table import SWITCHES, by_field, program_defaults
from invoke_cli.models.files.folder import ModelFacts, is_model_folder, read_facts
from invoke_cli.models.files.pickles import PICKLES
from invoke_cli.models.files.prediction_type import with_prediction
from invoke_cli.models.files.single_file import read_file_facts
from invoke_cli.models.files.vae import with_vae
from invoke_cli.models.files.weights_header import SINGLE_FILES
from invoke_cli.models.files.zero_snr import with_zero_snr
from invoke_cli.models.legacy_entries import HUB
from invoke_cli.models.quantization import with_quantize
from invoke_cli.models.recommended import RecommendedModel, read_recommended, recommended_named
from invoke_cli.models.registry import ModelSpec, Registry, build_registry
from invoke_cli.models.samplers import is_sampler
from invoke_cli.planning.default_layers import Effective, Layer, resolve
from invoke_cli.request import GenerationRequest, overlay

_PRIVATE_SWITCH = re.compile(r"--p(r(i(v(a(t(e)?)?)?)?)?)?(\s|$)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """A request with all layers of defaults, and its model."""

    effective: Effective
    model: Model

    @property
    def request(self) -> GenerationRequest:
        """The request with all layers of defaults."""
        return self.effective.request

    def with_values(self, values: Mapping[str, object]) -> Resolved:
        """Return a copy with these values, by field, as if the line set them; the model cannot be changed."""
        request = overlay(self.request, GenerationRequest.of(values))
        sources = {**self.effective.sources, **dict.fromkeys(values, "line")}
        return replace(self, effective=self.effective._replace(request=request, sources=sources))


class Settings:
    """The settings of a session.

    Attributes:
        options: The session options.
        paths: The paths.
        init_options: The launch options in invoke.init, and in the invokeai.init of a root of InvokeAI 2.x.
        init_request: The line switches in these files.
        init_remarks: What is to be said about an invokeai.init.
        session_request: The defaults set by `!set` and `!switch`.
        last_model: The model that the prompt's last session ended with; empty for other front ends.
    """

    def __init__(self, options: SessionOptions) -> None:
        self.options = options
        self.paths = find_paths(options.root, options.config, os.environ, _working_directory())
        legacy = self.paths.legacy_init_text()
        found = (f"using the defaults of {self.paths.root / LEGACY_INIT_FILE}",) if legacy else ()
        init = merged(read_legacy_init(legacy, self.paths.root), read_init(self.paths.init_text()))
        self.init_options, self.init_request, self.init_remarks = init.options, init.request, (*found, *init.remarks)
        self.paths = replace(self.paths, added=self._added_folders())
        self.session_request = GenerationRequest()
        self.last_model = ""
        self._registry: Registry | None = None
        self._unsaved_models: set[str] = set()

    @property
    def registry(self) -> Registry:
        """The known models, read on first access."""
        if (registry := self._registry) is None:  # read once: another thread may reset it meanwhile
            registry = self._registry = build_registry(self.paths.model_layers(), self._is_available)
        return registry

    def _is_available(self, spec: ModelSpec) -> bool:
        """Return whether the files of an entry exist and can be loaded."""
        path = self.paths.model_folder(spec.path)
        return path_exists(path) and path.suffix.lower() not in PICKLES

    def _added_folders(self) -> Mapping[str, Path]:
        """Return the further folders of LoRAs and embeddings, by kind."""
        requested = {"embeddings": "embedding_path", "loras": "lora_directory"}
        named = {
            kind: str(getattr(self.options, option) or self.init_options.get(option) or "")
            for kind, option in requested.items()
        }
        return {kind: self.paths.in_root(folder) for kind, folder in named.items() if folder}

    def launch_value(self, name: str, requested: str | None) -> str:
        """Return a launch option: the one given at launch, or else that of invoke.init, or else `auto`."""
        return requested or str(self.init_options.get(name) or "auto")

    @property
    def offline(self) -> bool:
        """Whether network access is forbidden."""
        return self.options.offline or bool(self.init_options.get("offline"))

    @property
    def remembers_model(self) -> bool:
        """Whether the prompt begins with the model of the last `!switch`."""
        return not (self.options.no_last_model or self.init_options.get("no_last_model"))

    @property
    def max_loaded_models(self) -> int:
        """The number of models to keep in memory; 0 for no limit."""
        return int(self.launch_number("max_loaded_models", self.options.max_loaded_models, 0))

    @property
    def model_memory(self) -> int:
        """The bytes that loaded models may take; 0 for no limit."""
        return int(self.launch_number("model_memory", self.options.model_memory, 0) * 1e9)

    def launch_number(self, name: str, requested: str | None, default: float) -> float:
        """Return a number given at launch, or else in invoke.init, or else the default."""
        text = requested or self.init_options.get(name)
        return float(text) if text else default

    def recommended_models(self) -> Sequence[RecommendedModel]:
        """Return the models to begin with."""
        return read_recommended(read_text(self.paths.packaged_configs / RECOMMENDED_FILE))

    def _installable(self, name: str) -> ModelError | None:
        """Return the error for a well-known model that is not installed, with the lines that install it."""
        model = recommended_named(self.recommended_models(), name)
        if model is None:
            return None
        facts = f"{model.about}; a download of about {model.download}, needs {model.memory}; {model.licence}"
        before = f"{model.gate}; then " if model.gate else ""
        hint = f"{before}{model.command} downloads it ({facts})"
        return ModelError(f"the model {name} is not installed", hint=hint, field="model")

    def upper_layers(self) -> list[Layer]:
        """Return the layers between the model's defaults and the line."""
        return [
            Layer("last session", GenerationRequest(model=self.last_model or None)),
            Layer("invoke.init", self.init_request),
            Layer("launch", self.options.defaults),
            Layer("!set", self.session_request),
        ]

    def resolve(self, request: GenerationRequest, known: Model | None = None) -> Resolved:
        """Merge a request with all layers of defaults.

        Args:
            request: The request of the line.
            known: A model whose facts were already read for this line; reused if the request resolves to it.

        Raises:
            ModelError, PlanError: The request's model is unknown.
        """
        upper = [*self.upper_layers(), Layer("line", request)]
        name = resolve(upper).request.model or self.current_name()
        is_known = known is not None and self._spec(name).name == known.spec.name
        model = known if known is not None and is_known else self.model(name)
        return Resolved(
            effective=resolve([*_lower_layers(model), Layer("model", model.spec.defaults), *upper]), model=model
        )

    def resolve_recorded(self, request: GenerationRequest, *, output: bool = False) -> Resolved:
        """Resolve a recorded request, which is complete: the defaults of this session do not apply.

        Args:
            request: The recorded request.
            output: Whether the result will be saved; the session's output switches then apply.
        """
        model = self.model(request.model)
        session_fields = resolve(self.upper_layers()).request.set_fields() if output else {}
        output_fields = {row.field for row in SWITCHES if row.group is Group.OUTPUT}
        writing = GenerationRequest.of({name: value for name, value in session_fields.items() if name in output_fields})
        layers = [*_lower_layers(model), Layer("session", writing), Layer("record", request)]
        return Resolved(effective=resolve(layers), model=model)

    def defaults(self) -> Effective:
        """Return the values that a line without switches would use, with the source of each."""
        return self.resolve(GenerationRequest()).effective

    def model_defaults(self) -> Mapping[str, str]:
        """Return the default values of a line, by field, as they would be typed; empty if the model cannot be used."""
        try:
            request = self.defaults().request
        except InvokeError:
            return {}
        fields = by_field()
        return {
            name: fields[name].value.format(value)
            for name in ("num_inference_steps", "width", "height", "guidance_scale", "scheduler", "strength", "model")
            if (value := getattr(request, name)) and not isinstance(value, tuple)
        }

    def model(self, name: str | None = None) -> Model:
        """Return the model with this name or in this folder; without a name the current one."""
        spec = self._spec(name or self.current_name())
        facts = self._facts(spec)
        tiny = self.paths.model_folder(spec.preview_vae) if spec.preview_vae else None
        return Model(spec=spec, facts=replace(facts, preview_vae=tiny))

    def _facts(self, spec: ModelSpec) -> ModelFacts:
        if spec.control:
            message = f"{spec.name} is a control model and cannot generate images"
            raise ModelError(message, hint=f"use it with --control {spec.control[0]}:IMAGE", field="model")
        path = self.paths.model_folder(spec.path)
        if spec.path.startswith(HUB) and not path_exists(path):
            repository = spec.path.removeprefix(HUB)
            hint = f"!import_model {repository} downloads it; !models lists the models"
            raise ModelError(f"{spec.name}: {repository} was not downloaded", hint=hint, field="model")
        if path.is_dir() or not _is_weight_file(path):
            facts = read_facts(path, spec.name, spec.size)
        else:
            base = self.paths.model_folder(spec.base) if spec.base else None
            facts = read_file_facts(path, spec.name, spec.size, base, other_vae=bool(spec.vae))
        facts = with_prediction(with_quantize(facts, spec.quantize, spec.name), spec.prediction, spec.name)
        facts = with_zero_snr(facts, spec.zero_snr, spec.name)
        return with_vae(facts, self.paths.resolve_near(spec.source, spec.vae), spec.name) if spec.vae else facts

    def facts_at(self, spec: ModelSpec) -> ModelFacts:
        """Read the facts of a model without an entry. Raises ModelError if it cannot be used."""
        return self._facts(spec)

    @property
    def own_models(self) -> ModelsFile:
        """The file of the user's own entries."""
        return ModelsFile(self.paths.config or self.paths.user_configs / MODELS_FILE)

    def text_of(self, spec: ModelSpec) -> str:
        """Return the text of the file that contains an entry; empty if there is none."""
        return next((text for name, text in self.paths.model_layers() if name == spec.source), "")

    def change_models(self, edit: Callable[[str], str]) -> None:
        """Change the user's entries, and reset the registry."""
        self.own_models.change(edit)
        self._registry = None

    def current_name(self) -> str:
        """Return the name of the model that a line without `-m` uses."""
        return resolve(self.upper_layers()).request.model or self.registry.default

    def uses_bundled_model(self) -> bool:
        """Return whether a line without `-m` uses the bundled model."""
        spec = self.registry.models.get(self.current_name())
        return spec is not None and spec.path.startswith(IN_PACKAGE)

    def outdir(self) -> str:
        """Return the output folder of a line without `-o`."""
        outdir = resolve([Layer("program", program_defaults()), *self.upper_layers()]).request.outdir
        return output_folder_for(outdir or OUTPUTS)

    def preview(self) -> str:
        """Return the kind of graphics in which a line without --preview shows images."""
        return resolve([Layer("program", program_defaults()), *self.upper_layers()]).request.preview or "auto"

    def is_private(self, line: str) -> bool:
        """Return whether a line, or the session, is private, so that its text must not be stored."""
        try:
            parsed = parse(line)
        except InvokeError:
            return bool(_PRIVATE_SWITCH.search(line))
        stages = parsed.stages if isinstance(parsed, Generation) else ()
        private = [stage.request.private for stage in stages]
        lower = resolve(self.upper_layers()).request.private
        return any(private) or (bool(lower) and False not in private)

    def forget_model(self, name: str) -> None:
        """Use the default model for lines without `-m`, in place of a removed one."""
        if self.session_request.model == name:
            self.session_request = replace(self.session_request, model=None)
        if self.options.defaults.model == name:
            self.options = replace(self.options, defaults=replace(self.options.defaults, model=None))
        if self.init_request.model == name:
            self.init_request = replace(self.init_request, model=None)
        if self.last_model == name:
            self.last_model = ""

    def change(self, request: GenerationRequest) -> None:
        """Add session defaults for the following lines."""
        self.session_request = overlay(self.session_request, request)

    def _spec(self, name: str) -> ModelSpec:
        if name not in self.registry.models:
            path = expand_path(name)
            named = is_file(path / "model_index.json") or (_is_weight_file(path) and is_file(path))
            if named:
                path = path.resolve()
                return self._folder_entry(path, path.stem if path.is_file() else path.name)
            if (snapshot := find_snapshot(name)) is not None:
                return self._folder_entry(snapshot, name.rpartition("/")[2])
        try:
            return self.registry.find(name)
        except InvokeError as error:
            raise _unknown_model(name) or self._installable(name) or error from None

    def _folder_entry(self, folder: Path, wanted: str) -> ModelSpec:
        """Return the entry of a model that is used by its folder; it is added for this session if necessary."""
        known = self.registry.models
        for spec in known.values():
            if self.paths.model_folder(spec.path).resolve() == folder:
                return spec
        name = next(name for name in _candidate_names(wanted) if name not in known)
        spec = ModelSpec(name=name, path=str(folder), description=USED_BY_FOLDER)
        self._registry = replace(self.registry, models={**known, name: spec})
        self._unsaved_models.add(name)
        return spec

    def is_used_by_folder(self, spec: ModelSpec) -> bool:
        """Return whether an entry was added because its model was used by its folder."""
        return spec.description == USED_BY_FOLDER

    def keep_model(self, spec: ModelSpec) -> None:
        """Store the folder of a model that was used by its folder, since images record only its name."""
        if spec.name in self._unsaved_models:
            self._unsaved_models.remove(spec.name)
            # If the root is not writable, only the name is unknown in the next session.
            with contextlib.suppress(OutputError):
                Folders(self.paths.user_configs / FOLDERS_FILE).add(spec.name, spec.path)


def _is_weight_file(path: Path) -> bool:
    return path.suffix.lower() in (*SINGLE_FILES, *PICKLES)


def _unknown_model(name: str) -> InvokeError | None:
    """Return the error for a name that is something other than a model; None if it is unknown altogether."""
    path = expand_path(name)
    if path_exists(path):
        return _not_a_model(name, path)
    if is_hub_id(name):
        hint = f"!import_model {name} downloads it; !models lists the models"
        return ModelError(f"no such model: {name}", hint=hint, field="model")
    if is_sampler(name):
        hint = f"use -A {name}; -m takes a model (see !models)"
        return PlanError(f"{name} is a sampler, not a model", hint=hint, field="model")
    return None


def _not_a_model(name: str, path: Path) -> ModelError:
    """Return the error for a file or folder that is no model."""
    hint = "expected a folder with model_index.json, or a .safetensors or .gguf file of a whole model"
    if not is_folder(path):
        return ModelError(f"{name} is not a model, but a file of another kind", hint=hint, field="model")
    inside = next((each for each in sorted(path.iterdir()) if _is_weight_file(each) or is_model_folder(each)), None)
    if inside is not None:
        hint = f"use what is in it, for example -m {path / inside.name}, or !import_model {name}"
    return ModelError(f"{name} is not a model: the folder contains no model_index.json", hint=hint, field="model")


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except OSError:
        raise ConfigError("the working directory no longer exists", hint="cd to another directory") from None


def _candidate_names(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in itertools.count(2))


def _lower_layers(model: Model) -> list[Layer]:
    return [Layer("program", program_defaults()), Layer("family", switches_only(model.facts.family.defaults))]
