"""The model registry: parse the text of models.yaml to entries, with line numbers in errors. Reads no files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from invoke_cli.documents import InvalidDocument, parse_yaml
from invoke_cli.errors import ConfigError, InvokeError, ModelError
from invoke_cli.language.grammar.line import switches_only
from invoke_cli.language.grammar.names import near_names
from invoke_cli.models.families.family import Matrix
from invoke_cli.models.legacy_entries import is_legacy, modern_entry
from invoke_cli.models.quantization import QUANTIZATIONS
from invoke_cli.request import GenerationRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSpec:
    """An entry of models.yaml. The caller fills in `{package}` and `{root}` in paths.

    Attributes:
        path: A folder in the diffusers layout or a single .safetensors or .gguf file.
        base: The folder with the components that such a file lacks.
        vae: The folder or file of another VAE.
        prediction: The prediction type, if the files do not state it.
        zero_snr: Whether the model was trained with zero terminal SNR; None if its files decide.
        quantize: The quantization type of the denoiser.
        good_for: Tags for what the model is good for.
        triggers: The trigger words of the model.
        words: Words that the model knows; other words of a prompt are marked.
        defaults: The default switches of lines that use this model.
        preview: A linear map from latents to RGB in 0..1: a row (red, green, blue) per latent channel, or nine
            for the 3 x 3 latents around a pixel, then a bias row.
        preview_vae: The folder of a tiny VAE (AutoencoderTiny) for live previews instead of `preview`.
        source: The file that contains the entry.
        control: The kinds of control images (canny, depth, …), for a control model.
        legacy: Whether the entry has the form of InvokeAI 2.x.
    """

    name: str
    path: str
    base: str = ""
    vae: str = ""
    prediction: str = ""
    zero_snr: bool | None = None
    quantize: str = ""
    description: str = ""
    good_for: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    default: bool = False
    size: int | None = None
    defaults: GenerationRequest = field(default_factory=GenerationRequest)
    preview: Matrix | None = None
    preview_vae: str = ""
    source: str = ""
    control: tuple[str, ...] = ()
    legacy: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """The known models.

    Attributes:
        models: The entries by name, in order.
        default: The name of the default model.
        problems: The errors of the entries that cannot be used, by name, and those of whole files by their path.
    """

    models: Mapping[str, ModelSpec]
    default: str
    problems: Mapping[str, ConfigError] = field(default_factory=dict)

    def find(self, name: str) -> ModelSpec:
        """Return the entry with this name or unique prefix.

        Raises:
            ModelError: If there is none; the hint contains the closest names.
        """
        if name in self.models:
            return self.models[name]
        if name in self.problems:
            raise self.problems[name]
        starts = [known for known in self.models if known.lower().startswith(name.lower())]
        if len(starts) == 1:
            return self.models[starts[0]]
        close = starts or near_names(name, self.models)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise ModelError(f"no such model: {name}", hint=hint + "!models lists them", field="model")


def build_registry(
    layers: Sequence[tuple[str, str]], is_available: Callable[[ModelSpec], bool] = lambda _: True
) -> Registry:
    """Build the registry from several (file name, text) pairs; later files win.

    An entry that cannot be read is left out and listed, and so is a file that is no YAML.

    Args:
        layers: The files.
        is_available: Whether the files of an entry exist. One of InvokeAI 2.x becomes the default only then.

    Raises:
        ConfigError: If there are no entries.
    """
    models: dict[str, ModelSpec] = {}
    problems: dict[str, ConfigError] = {}
    default = ""
    for filename, text in layers:
        for spec in _readable_models(text, filename, problems):
            models[spec.name] = spec
            if spec.default and (not spec.legacy or is_available(spec)):
                default = spec.name
    if not models:
        raise next(iter(problems.values()), ConfigError("no models are configured", hint="add an entry to models.yaml"))
    return Registry(models=models, default=default or next(iter(models)), problems=problems)


def _readable_models(text: str, filename: str, problems: dict[str, ConfigError]) -> Iterator[ModelSpec]:
    """Yield the entries that can be read, and collect the errors of the others."""
    try:
        entries = _entries(text, filename)
    except ConfigError as error:
        problems[filename] = error
        return
    for entry in entries:
        try:
            yield entry.spec()
        except ConfigError as error:
            problems[entry.name] = error


def read_models(text: str, filename: str) -> list[ModelSpec]:
    """Parse the entries of one models.yaml. Raises ConfigError, with file and line, if it is invalid."""
    entries = _entries(text, filename)
    specs = [entry.spec() for entry in entries]
    defaults = [(entry, spec.name) for entry, spec in zip(entries, specs, strict=True) if spec.default]
    for entry, name in defaults[1:]:
        message = f"{filename}, line {entry.line_of('default')}: {name} and {defaults[0][1]} are both the default"
        raise ConfigError(message, hint="remove default: from one of them")
    return specs


def _entries(text: str, filename: str) -> list[_Entry]:
    """Return the entries of a file. Raises ConfigError if it is no YAML, or no mapping."""
    document = _load(text, filename)
    if document is None:
        return []
    if not isinstance(document, dict):
        line = document.lc.line + 1 if hasattr(document, "lc") else 1
        message = f"{filename}, line {line}: expected the name of a model and a colon, not a list or a text"
        raise ConfigError(message, hint="write NAME: with its settings indented below; see configs/models.yaml")
    return [_Entry(filename, document, name) for name in document]


def _load(text: str, filename: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return parse_yaml(YAML(), text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = f"{filename}, line {line}: {error.problem}"
        raise ConfigError(problem, hint="fix that line; indent entries by two blanks") from None
    except (YAMLError, InvalidDocument) as error:
        raise ConfigError(f"{filename} is not valid YAML: {error}", hint="fix it, or remove it") from None


class _Entry:
    """Parses one entry; every error contains its line number."""

    KEYS = (
        "description", "path", "base", "vae", "prediction", "zero_snr", "quantize", "format", "default", "size",
        "defaults", "preview", "preview_vae", "triggers", "good_for", "control", "words",
    )  # fmt: skip
    CHOICES: Mapping[str, tuple[str, ...]] = {
        "format": ("diffusers", "single_file"),
        "prediction": ("epsilon", "v_prediction"),
        "quantize": tuple(row.name for row in QUANTIZATIONS),
    }

    def __init__(self, filename: str, document: Any, name: object) -> None:
        self.filename = filename
        self.name = str(name)
        self.written = self.body = document[name]
        self.legacy = isinstance(self.body, dict) and is_legacy(self.body)
        if self.legacy:
            self.body = modern_entry(self.body)
        self.line = document.lc.key(name)[0] + 1

    def spec(self) -> ModelSpec:
        if not isinstance(self.body, dict):
            raise self._error(f"{self.name} has no settings", self.line)
        for key in self.body:
            if key not in self.KEYS:
                near = near_names(str(key), self.KEYS, 1)
                suggestion = f"; did you mean {near[0]}?" if near else f" (known: {', '.join(self.KEYS)})"
                raise self._error(f"{self.name}: unknown setting {key}{suggestion}", self.line_of(key))
        for key, choices in self.CHOICES.items():
            if key in self.body and self._text(key) not in choices:
                message = f"{self.name}: {key} must be {' or '.join(choices)}, or omitted"
                raise self._error(message, self.line_of(key))
        return ModelSpec(
            name=self.name,
            path=self._text("path"),
            base=self._text("base", ""),
            vae=self._text("vae", ""),
            prediction=self._text("prediction", ""),
            zero_snr=self._flag("zero_snr"),
            quantize=self._text("quantize", ""),
            description=self._text("description", ""),
            good_for=self._words("good_for"),
            triggers=self._words("triggers"),
            words=self._words("words"),
            default=bool(self.body.get("default", False)),
            size=self._size(),
            defaults=self._defaults(),
            preview=self._preview(),
            preview_vae=self._text("preview_vae", ""),
            source=self.filename,
            control=self._control(),
            legacy=self.legacy,
        )

    def _text(self, key: str, fallback: str | None = None) -> str:
        value = self.body.get(key, fallback)
        if not isinstance(value, str):
            raise self._error(f"{self.name}: {key} must be text", self.line_of(key))
        return value

    def _flag(self, key: str) -> bool | None:
        """Parse yes or no; None if the setting is missing."""
        value = self.body.get(key)
        words = {"yes": True, "true": True, "no": False, "false": False}
        if value is not None and str(value).lower() not in words:
            raise self._error(f"{self.name}: {key} must be yes or no", self.line_of(key))
        return None if value is None else words[str(value).lower()]

    def _words(self, key: str) -> tuple[str, ...]:
        """Parse a list of words, or a text with commas."""
        value = self.body.get(key, ())
        words = value.split(",") if isinstance(value, str) else value
        if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
            raise self._error(f"{self.name}: {key} must be a list of words", self.line_of(key))
        return tuple(word.strip() for word in words if word.strip())

    def _control(self) -> tuple[str, ...]:
        """Parse the kinds of control images of a control model."""
        kinds = self._words("control")
        if any(":" in kind for kind in kinds):
            raise self._error(
                f"{self.name}: control must be a kind such as canny, or a list of kinds", self.line_of("control")
            )
        if kinds and self.body.get("default"):
            raise self._error(f"{self.name} is a control model and cannot be the default", self.line_of("default"))
        return tuple(kind.lower() for kind in kinds)

    def _size(self) -> int | None:
        size = self.body.get("size")
        if size is not None and (not isinstance(size, int) or not 64 <= size <= 4096):
            raise self._error(f"{self.name}: size must be a number of pixels from 64 to 4096", self.line_of("size"))
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
            message = f"{self.name}: preview must be a list of rows of three numbers"
            raise self._error(message, self.line_of("preview")) from None

    def line_of(self, key: str) -> int:
        """Return the line number of a setting, from 1, or of the entry if the setting is missing."""
        places = self.written.lc.data or {}  # a setting that `<<` merges from another entry has no place
        return int(places[key][0]) + 1 if key in places else self.line

    def _error(self, message: str, line: int) -> ConfigError:
        return ConfigError(f"{self.filename}, line {line}: {message}", hint="fix that line")
