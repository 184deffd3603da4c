"""The settings of a session: which models there are, and the layers of defaults under a line.

The layers, lowest first: program, family, the model's entry, invoke.init, launch, !set, the line.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from invoke_cli.context.models_file import ModelsFile
from invoke_cli.context.name_store import Folders
from invoke_cli.context.options import SessionOptions
from invoke_cli.context.paths import (
    FOLDERS_FILE,
    IN_PACKAGE,
    INIT_FILE,
    MODELS_FILE,
    OUTPUTS,
    expanded,
    find_paths,
    folder_for,
    is_file,
)
from invoke_cli.engine import Model
from invoke_cli.errors import ConfigError, InvokeError, ModelError, OutputError, PlanError
from invoke_cli.language.grammar.line import Generation, parse, switches_only
from invoke_cli.language.grammar.shell_words import words_to_lines
from invoke_cli.language.switches.launch import LAUNCH_OPTIONS, Options, take_launch_options
from invoke_cli.language.switches.switch import Group
from invoke_cli.language.switches.table import SWITCHES, program_defaults
from invoke_cli.models.files.folder import ModelFacts, read_facts
from invoke_cli.models.files.pickles import PICKLES
from invoke_cli.models.files.prediction_type import with_prediction
from invoke_cli.models.files.single_file import read_file_facts
from invoke_cli.models.files.vae import with_vae
from invoke_cli.models.files.weights_header import SINGLE_FILES
from invoke_cli.models.quantization import with_quantize
from invoke_cli.models.registry import ModelSpec, Registry, build_registry
from invoke_cli.models.samplers import is_sampler
from invoke_cli.planning.layers import Effective, Layer, resolve
from invoke_cli.request import GenerationRequest, overlay

_ASKS_PRIVACY = re.compile(r"--p(r(i(v(a(t(e)?)?)?)?)?)?(\s|$)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """A line's request with every layer under it, and the model it is for."""

    effective: Effective
    model: Model

    @property
    def request(self) -> GenerationRequest:
        """The request with every layer of defaults under it."""
        return self.effective.request

    def with_values(self, values: Mapping[str, object]) -> Resolved:
        """Return the same with `values` (request field to value, none of them the model) as if the line set them."""
        request = overlay(self.request, GenerationRequest.of(values))
        sources = {**self.effective.sources, **dict.fromkeys(values, "line")}
        return replace(self, effective=self.effective._replace(request=request, sources=sources))


class Settings:
    """What a session knows before it draws. `session_request` is what `!set` and `!switch` have said."""

    def __init__(self, options: SessionOptions) -> None:
        self.options = options
        self.paths = find_paths(options.root, options.config, os.environ, _here())
        self.init_options, self.init_request = read_init(self.paths.init_text())
        self.session_request = GenerationRequest()
        self._registry: Registry | None = None
        self._unkept: set[str] = set()

    @property
    def registry(self) -> Registry:
        """The known models, read when they are first asked for."""
        if (registry := self._registry) is None:  # read once: another thread may forget it meanwhile
            registry = self._registry = build_registry(self.paths.model_layers())
        return registry

    def launch_value(self, name: str, asked: str | None) -> str:
        """A launch option that invoke.init may set too; what was asked for at launch wins over it."""
        return asked or str(self.init_options.get(name) or "auto")

    @property
    def offline(self) -> bool:
        """Whether nothing may touch the network."""
        return self.options.offline or bool(self.init_options.get("offline"))

    def upper_layers(self) -> list[Layer]:
        """The layers above the model's own, without the line."""
        return [
            Layer("invoke.init", self.init_request),
            Layer("launch", self.options.defaults),
            Layer("!set", self.session_request),
        ]

    def resolve(self, request: GenerationRequest, known: Model | None = None) -> Resolved:
        """Put all layers of defaults under a request.

        Args:
            request: What the line says.
            known: A model whose files were read for this line already; they are not read again if it is meant.

        Raises:
            ModelError, PlanError: The request's model is unknown.
        """
        upper = [*self.upper_layers(), Layer("line", request)]
        name = resolve(upper).request.model or self.current_name()
        is_known = known is not None and self._spec(name).name == known.spec.name
        model = known if known is not None and is_known else self.model(name)
        return Resolved(effective=resolve([*_lower(model), Layer("model", model.spec.defaults), *upper]), model=model)

    def resolve_recorded(self, request: GenerationRequest, *, output: bool = False) -> Resolved:
        """A recorded request, which says all that shapes its picture: no default of this session gets under it, but,
        for a picture that is to be written, how the session writes its files.
        """
        model = self.model(request.model)
        said = resolve(self.upper_layers()).request.set_fields() if output else {}
        fields = {row.field for row in SWITCHES if row.group is Group.OUTPUT}
        writing = GenerationRequest.of({name: value for name, value in said.items() if name in fields})
        layers = [*_lower(model), Layer("session", writing), Layer("record", request)]
        return Resolved(effective=resolve(layers), model=model)

    def defaults(self) -> Effective:
        """What a line without switches would use, with the layer each value comes from."""
        return self.resolve(GenerationRequest()).effective

    def model(self, name: str | None = None) -> Model:
        """The model of this name or in this folder; the current one without a name."""
        spec = self._spec(name or self.current_name())
        facts = self._facts(spec)
        tiny = self.paths.model_folder(spec.preview_vae) if spec.preview_vae else None
        return Model(spec=spec, facts=replace(facts, preview_vae=tiny))

    def _facts(self, spec: ModelSpec) -> ModelFacts:
        if spec.control:
            message = f"{spec.name} is a control model: no line can draw with it"
            raise ModelError(message, hint=f"use it with --control {spec.control[0]}:IMAGE", field="model")
        path = self.paths.model_folder(spec.path)
        if path.is_dir() or path.suffix not in (*SINGLE_FILES, *PICKLES):
            facts = read_facts(path, spec.name, spec.size)
        else:
            base = self.paths.model_folder(spec.base) if spec.base else None
            facts = read_file_facts(path, spec.name, spec.size, base, other_vae=bool(spec.vae))
        facts = with_prediction(with_quantize(facts, spec.quantize, spec.name), spec.prediction, spec.name)
        return with_vae(facts, self.paths.beside(spec.source, spec.vae), spec.name) if spec.vae else facts

    def facts_at(self, spec: ModelSpec) -> ModelFacts:
        """The facts of a model that has no entry yet; ModelError when it cannot be used."""
        return self._facts(spec)

    @property
    def own_models(self) -> ModelsFile:
        """The file of the user's own entries."""
        return ModelsFile(self.paths.config or self.paths.user_configs / MODELS_FILE)

    def text_of(self, spec: ModelSpec) -> str:
        """The file that an entry stands in; empty for one that stands in none."""
        return next((text for name, text in self.paths.model_layers() if name == spec.source), "")

    def change_models(self, edit: Callable[[str], str]) -> None:
        """Change the user's entries, and read the registry anew."""
        self.own_models.change(edit)
        self._registry = None

    def current_name(self) -> str:
        """The model that a line without `-m` uses."""
        return resolve(self.upper_layers()).request.model or self.registry.default

    def uses_packaged_model(self) -> bool:
        """Whether lines are drawn with the model that came along."""
        spec = self.registry.models.get(self.current_name())
        return spec is not None and spec.path.startswith(IN_PACKAGE)

    def outdir(self) -> str:
        """The folder that a line without `-o` keeps its books in."""
        said = resolve([Layer("program", program_defaults()), *self.upper_layers()]).request.outdir
        return folder_for(said or OUTPUTS)

    def is_private(self, line: str) -> bool:
        """Whether a line, or the session, asks that nothing of its words is kept."""
        try:
            parsed = parse(line)
        except InvokeError:
            return bool(_ASKS_PRIVACY.search(line))
        stages = parsed.stages if isinstance(parsed, Generation) else ()
        said = [stage.request.private for stage in stages]
        lower = resolve(self.upper_layers()).request.private
        return any(said) or (bool(lower) and False not in said)

    def change(self, request: GenerationRequest) -> None:
        """Let `request` be a default for the lines to come."""
        self.session_request = overlay(self.session_request, request)

    def _spec(self, name: str) -> ModelSpec:
        path = expanded(name)
        named = is_file(path / "model_index.json") or (path.suffix in (*SINGLE_FILES, *PICKLES) and is_file(path))
        if name not in self.registry.models and named:
            return self._adopted(path.resolve())
        try:
            return self.registry.find(name)
        except InvokeError:
            if is_sampler(name):
                hint = f"write -A {name}; -m names a model (!models)"
                raise PlanError(f"{name} is a sampler, not a model", hint=hint, field="model") from None
            raise

    def _adopted(self, folder: Path) -> ModelSpec:
        """The entry of a model that was named by its folder: the one that there is, else a new one for this session."""
        known = self.registry.models
        for spec in known.values():
            if self.paths.model_folder(spec.path).resolve() == folder:
                return spec
        name = next(name for name in _names(folder.stem if folder.is_file() else folder.name) if name not in known)
        spec = ModelSpec(name=name, path=str(folder), description="used by its folder")
        self._registry = replace(self.registry, models={**known, name: spec})
        self._unkept.add(name)
        return spec

    def keep_model(self, spec: ModelSpec) -> None:
        """Write down where a model lies that was named by its folder: its pictures carry its name alone."""
        if spec.name in self._unkept:
            self._unkept.remove(spec.name)
            # A root that cannot be written costs the next session a name, but nobody a picture.
            with contextlib.suppress(OutputError):
                Folders(self.paths.user_configs / FOLDERS_FILE).add(spec.name, spec.path)


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError:
        raise ConfigError("the directory you are in does not exist any more", hint="cd to another one") from None


def _names(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in itertools.count(2))


def _lower(model: Model) -> list[Layer]:
    return [Layer("program", program_defaults()), Layer("family", switches_only(model.facts.family.defaults))]


def read_init(text: str) -> tuple[Options, GenerationRequest]:
    """The launch options and line switches of an invoke.init, whose lines are split as a shell does."""
    options: Options = {}
    request = GenerationRequest()
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            taken, words = take_launch_options(shlex.split(line, comments=True))
            for row in LAUNCH_OPTIONS:
                if row.name[2:] in taken and not row.in_init:
                    raise ConfigError(f"{row.name} belongs to the command line", hint="take it out of invoke.init")
            options |= taken
            for switches in words_to_lines(words, lambda _: False) if words else []:
                request = overlay(request, switches_only(switches))
        except (InvokeError, ValueError) as error:
            message = f"{INIT_FILE}, line {number}: {error}"
            raise ConfigError(message, hint=getattr(error, "hint", "") or "close its quotes") from None
    return options, request
