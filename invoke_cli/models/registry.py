"""The model registry: the text of models.yaml into entries, with line numbers in its errors. Reads no files itself."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from invoke_cli.errors import ConfigError, InvokeError, ModelError
from invoke_cli.language.grammar.line import switches_only
from invoke_cli.models.families.family import Matrix
from invoke_cli.models.quantization import QUANTIZATIONS
from invoke_cli.request import GenerationRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSpec:
    """One entry. `path` is a folder in the diffusers layout or a single .safetensors file, `base` the folder that has
    what such a file lacks, `vae` the folder or file of another VAE; the caller fills in `{package}` and `{root}`.
    `prediction` is what the model predicts, where its files do not tell; `quantize` is how its denoiser is kept in
    fewer bits. `triggers` are the words that the model was trained to answer to, `good_for` what it is for. A control
    model says with `control` what its pictures are: canny, depth, …

    `defaults` are the switches that a line for this model starts from. `preview` is a linear map from latents to RGB in
    0..1: a row for each latent channel (red, green, blue), and a last row that is added; `preview_vae` the folder of a
    tiny VAE (AutoencoderTiny) that draws live previews in its place.
    """

    name: str
    path: str
    base: str = ""
    vae: str = ""
    prediction: str = ""
    quantize: str = ""
    description: str = ""
    good_for: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    default: bool = False
    size: int | None = None
    defaults: GenerationRequest = field(default_factory=GenerationRequest)
    preview: Matrix | None = None
    preview_vae: str = ""
    source: str = ""
    control: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """The known models by name, in order, and which is used when none is asked for."""

    models: Mapping[str, ModelSpec]
    default: str

    def find(self, name: str) -> ModelSpec:
        """The entry of this name, or the only one whose name starts so; ModelError with the nearest names."""
        if name in self.models:
            return self.models[name]
        starts = [known for known in self.models if known.lower().startswith(name.lower())]
        if len(starts) == 1:
            return self.models[starts[0]]
        close = starts or difflib.get_close_matches(name, self.models, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise ModelError(f"there is no model {name!r}", hint=hint + "!models lists them", field="model")


def build_registry(layers: Sequence[tuple[str, str]]) -> Registry:
    """The registry of several files, (name, text) each, later ones winning; ConfigError when none has an entry."""
    models: dict[str, ModelSpec] = {}
    default = ""
    for filename, text in layers:
        for spec in read_models(text, filename):
            models[spec.name] = spec
            if spec.default:
                default = spec.name
    if not models:
        raise ConfigError("no models are configured", hint="add an entry to models.yaml")
    return Registry(models=models, default=default or next(iter(models)))


def read_models(text: str, filename: str) -> list[ModelSpec]:
    """The entries of one models.yaml; ConfigError names the file and the line."""
    document = _load(text, filename)
    if document is None:
        return []
    if not isinstance(document, dict):
        line = document.lc.line + 1 if hasattr(document, "lc") else 1
        message = f"{filename}, line {line}: this is a list or a text, where a model's name and a colon are expected"
        raise ConfigError(message, hint="write NAME: and its settings, indented, below it; see configs/models.yaml")
    entries = [_Entry(filename, document, name) for name in document]
    specs = [entry.spec() for entry in entries]
    defaults = [(entry, spec.name) for entry, spec in zip(entries, specs, strict=True) if spec.default]
    for entry, name in defaults[1:]:
        message = f"{filename}, line {entry.line_of('default')}: {name} is the default, but so is {defaults[0][1]}"
        raise ConfigError(message, hint="let one of them be it: take default: out of the other")
    return specs


def _load(text: str, filename: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML().load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = f"{filename}, line {line}: {error.problem}"
        raise ConfigError(problem, hint="mend that line; two blanks indent an entry") from None
    except YAMLError as error:
        raise ConfigError(f"{filename} is not YAML: {error}", hint="mend it, or remove it") from None


class _Entry:
    """Reads one entry; every complaint carries its line."""

    KEYS = (
        "description", "path", "base", "vae", "prediction", "quantize", "format", "default", "size", "defaults",
        "preview", "preview_vae", "triggers", "good_for", "control",
    )  # fmt: skip
    CHOICES: Mapping[str, tuple[str, ...]] = {
        "format": ("diffusers", "single_file"),
        "prediction": ("epsilon", "v_prediction"),
        "quantize": tuple(row.name for row in QUANTIZATIONS),
    }

    def __init__(self, filename: str, document: Any, name: object) -> None:
        self.filename = filename
        self.name = str(name)
        self.body = document[name]
        self.line = document.lc.key(name)[0] + 1

    def spec(self) -> ModelSpec:
        if not isinstance(self.body, dict):
            raise self._error(f"{self.name} has no settings", self.line)
        for key in self.body:
            if key not in self.KEYS:
                near = difflib.get_close_matches(str(key), self.KEYS, n=1)
                suggestion = f"; did you mean {near[0]}?" if near else f" (known: {', '.join(self.KEYS)})"
                raise self._error(f"{self.name}: unknown setting {key}{suggestion}", self.line_of(key))
        for key, choices in self.CHOICES.items():
            if key in self.body and self._text(key) not in choices:
                message = f"{self.name}: {key} is {' or '.join(choices)}, and may be left out"
                raise self._error(message, self.line_of(key))
        return ModelSpec(
            name=self.name,
            path=self._text("path"),
            base=self._text("base", ""),
            vae=self._text("vae", ""),
            prediction=self._text("prediction", ""),
            quantize=self._text("quantize", ""),
            description=self._text("description", ""),
            good_for=self._words("good_for"),
            triggers=self._words("triggers"),
            default=bool(self.body.get("default", False)),
            size=self._size(),
            defaults=self._defaults(),
            preview=self._preview(),
            preview_vae=self._text("preview_vae", ""),
            source=self.filename,
            control=self._control(),
        )

    def _text(self, key: str, fallback: str | None = None) -> str:
        value = self.body.get(key, fallback)
        if not isinstance(value, str):
            raise self._error(f"{self.name}: {key} must be text", self.line_of(key))
        return value

    def _words(self, key: str) -> tuple[str, ...]:
        """A list of texts, or one text with commas."""
        value = self.body.get(key, ())
        words = value.split(",") if isinstance(value, str) else value
        if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
            raise self._error(f"{self.name}: {key} is a list of words", self.line_of(key))
        return tuple(word.strip() for word in words if word.strip())

    def _control(self) -> tuple[str, ...]:
        """What the pictures for a control model are."""
        kinds = self._words("control")
        if any(":" in kind for kind in kinds):
            raise self._error(f"{self.name}: control is a word such as canny, or several", self.line_of("control"))
        if kinds and self.body.get("default"):
            raise self._error(f"{self.name} is a control model and cannot be the default", self.line_of("default"))
        return tuple(kind.lower() for kind in kinds)

    def _size(self) -> int | None:
        size = self.body.get("size")
        if size is not None and (not isinstance(size, int) or not 64 <= size <= 4096):
            raise self._error(f"{self.name}: size is a number of pixels from 64 to 4096", self.line_of("size"))
        return size

    def _defaults(self) -> GenerationRequest:
        text = self._text("defaults", "")
        try:
            return switches_only(text)
        except InvokeError as error:
            raise self._error(f"{self.name}: defaults: {error.message}", self.line_of("defaults")) from None

    def _preview(self) -> Matrix | None:
        rows = self.body.get("preview")
        if rows is None:
            return None
        try:
            return tuple((float(red), float(green), float(blue)) for red, green, blue in rows)
        except (TypeError, ValueError):
            message = f"{self.name}: preview is a list of rows of three numbers"
            raise self._error(message, self.line_of("preview")) from None

    def line_of(self, key: str) -> int:
        """The line of a setting, from 1; the entry's own where it has none."""
        return int(self.body.lc.key(key)[0]) + 1 if key in self.body else self.line

    def _error(self, message: str, line: int) -> ConfigError:
        return ConfigError(f"{self.filename}, line {line}: {message}", hint="mend that line")
