"""Read the facts of a model in the diffusers layout, without loading weights: its family, size and completeness."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from invoke_cli.documents import parse_json
from invoke_cli.errors import ModelError
from invoke_cli.input_files import MODEL_CONFIG, read_input_text
from invoke_cli.models.families.family import Family
from invoke_cli.models.families.table import family_of
from invoke_cli.models.files.gguf import SUFFIX as GGUF
from invoke_cli.models.files.pickles import check_not_pickled
from invoke_cli.models.files.weights_header import SINGLE_FILES, is_whole

INPAINTING_CHANNELS = 9
# Unused components: images are not safety-checked.
_IGNORED_COMPONENTS = ("safety_checker", "feature_extractor", "image_encoder")
_WITHOUT_WEIGHTS = ("tokenizer", "scheduler", "processor")
_BUNDLED = Path(__file__).resolve().parent.parent.parent / "assets"
# How diffusers and transformers name weight files, and a shard of several.
_NAMES = ("diffusion_pytorch_model.safetensors", "model.safetensors")
_STEMS = tuple(name.split(".")[0] for name in _NAMES)
_MAX_COUNT, _MAX_LISTED = 1_000_000, 64
_SHARD = re.compile(r"-\d+-of-\d+(?=\.)")
Configs = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFacts:
    """Facts about a model.

    Attributes:
        folder: The folder, or the file of a single-file model.
        size: The native side, in pixels.
        scheduler: The class of its scheduler.
        prediction_type: The prediction type of its scheduler.
        weights: All weight files.
        vae_channels: The channels of the VAE at full resolution.
        inpainting: Whether the model supports only inpainting.
        vae_config: The config of the VAE as JSON.
        parts: The weight files by component.
        base: The folder with the components that a single file lacks.
        vae_from: The folder or file of the VAE, if it is not the model's own.
        prediction_type_source: What determined `prediction_type`, if it was not the scheduler's config.
        zero_snr_source: What determined that it was trained with zero terminal SNR; empty if it was not.
        quantize: The quantization type of the denoiser.
        text_width: The cross-attention width of a UNet.
        channels: The block channels of a UNet.
        preview_vae: The folder of a tiny VAE for previews.
    """

    family: Family
    folder: Path
    size: int
    scheduler: str
    prediction_type: str
    weights: tuple[Path, ...]
    vae_channels: int = 128
    inpainting: bool = False
    vae_config: str = ""
    parts: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    base: Path | None = None
    vae_from: Path | None = None
    prediction_type_source: str = ""
    zero_snr_source: str = ""
    quantize: str = ""
    text_width: int = 0
    channels: tuple[int, ...] = ()
    preview_vae: Path | None = None

    @property
    def key(self) -> str:
        """The key of the model in caches: the paths and options that it is loaded with."""
        prediction_type = self.prediction_type if self.prediction_type_source else ""
        zero_snr = "zero SNR" if self.zero_snr_source else ""
        own = (self.folder, self.base, self.vae_from, self.quantize, prediction_type)
        return "|".join(str(part or "") for part in own) + zero_snr

    @property
    def single_file(self) -> bool:
        """Whether the model is a single file."""
        return self.folder.suffix.lower() in SINGLE_FILES

    @property
    def quantised(self) -> bool:
        """Whether the denoiser is quantised."""
        return bool(self.quantize) or self.folder.suffix.lower() == GGUF

    @property
    def vae_weights(self) -> tuple[Path, ...]:
        """The weight files of the VAE."""
        return self.parts.get(self.family.vae, self.weights)

    @property
    def size_on_disk(self) -> int:
        """The total size of all weight files, in bytes."""
        return sum(path.stat().st_size for path in self.weights)


def read_facts(folder: Path, name: str, size: int | None = None) -> ModelFacts:
    """Read the facts of the model in `folder`.

    Args:
        folder: The folder of the model.
        name: Its name, for error messages.
        size: Its native size, if known.

    Raises:
        ModelError: If a file is missing or damaged, or the model is not supported.
    """
    restore = restore_hint(folder, name)
    if folder.is_file():
        hint = "expected a folder with model_index.json, or a .safetensors or .gguf file of a whole model"
        raise ModelError(f"{folder} is not a model, but a file of another kind", hint=hint, field="model")
    if not folder.is_dir():
        raise ModelError(f"the folder of the model {name} is missing: {folder}", hint=restore, field="model")
    index = read_json(folder / "model_index.json", restore)
    components = components_of(index)
    configs = read_configs(folder, components, restore)
    family = family_of(index, configs)
    if not family.can_generate:
        raise ModelError(f"{name} ({family.label}) cannot generate images", hint=family.alternative, field="model")
    _check_components(name, family, components)
    _check_channels(name, family, configs)
    parts = {part: weights_in(folder / part, restore) for part in components if has_weights(part)}
    return facts_from(family, folder, configs, parts, size)


def is_model_folder(path: Path) -> bool:
    """Return whether a folder contains a model in the diffusers layout, or a single network such as a ControlNet."""
    return (path / "model_index.json").is_file() or (path / "config.json").is_file()


def restore_hint(folder: Path, name: str) -> str:
    """Return the hint for missing or damaged files of a model; the bundled model needs a reinstallation."""
    other = "or choose another model with -m (!models lists them)"
    if _BUNDLED in folder.resolve().parents:
        return f"reinstall invoke-cli (in a checkout: git restore invoke_cli/assets), {other}"
    return f"download or restore the folder of {name}, {other}"


def facts_from(
    family: Family, folder: Path, configs: Configs, parts: Mapping[str, tuple[Path, ...]], size: int | None
) -> ModelFacts:
    """Build the facts of a model from its family, configs and files."""
    denoiser, vae, scheduler = (configs.get(part, {}) for part in (family.denoiser, family.vae, "scheduler"))
    facts = ModelFacts(
        family=family,
        folder=folder,
        size=size or _native_size(denoiser, vae, family),
        scheduler=str(scheduler.get("_class_name", "")),
        prediction_type=str(scheduler.get("prediction_type", "epsilon")),
        weights=tuple(dict.fromkeys(path for files in parts.values() for path in files)),
        inpainting=_is_inpainting_only(family, denoiser),
        parts=parts,
        text_width=width if isinstance(width := denoiser.get("cross_attention_dim"), int) else 0,
        channels=tuple(denoiser.get("block_out_channels") or ()),
    )
    return vae_facts(facts, vae)


def vae_facts(facts: ModelFacts, vae: Mapping[str, Any]) -> ModelFacts:
    """Add the facts of a VAE's config."""
    config = json.dumps({key: vae[key] for key in sorted(vae) if not _is_origin_key(key)})
    return replace(facts, vae_channels=_full_resolution_channels(vae), vae_config=config)


def read_configs(folder: Path, components: Mapping[str, str], restore: str) -> dict[str, dict[str, Any]]:
    """Read the config of each model and scheduler component."""
    configs: dict[str, dict[str, Any]] = {}
    for part, name in components.items():
        if has_weights(part):
            configs[part] = read_json(folder / part / "config.json", restore)
        elif name.endswith("Scheduler"):
            configs[part] = read_json(folder / part / "scheduler_config.json", restore)
    return configs


def components_of(index: Mapping[str, Any]) -> dict[str, str]:
    """Return the class of each component of the model, by name."""
    pairs = {part: entry for part, entry in index.items() if isinstance(entry, list) and len(entry) == 2}
    return {part: str(entry[1]) for part, entry in pairs.items() if entry[1] and part not in _IGNORED_COMPONENTS}


def has_weights(part: str) -> bool:
    """Return whether a component with this name is a network."""
    return not any(word in part for word in _WITHOUT_WEIGHTS)


def _check_components(name: str, family: Family, components: Mapping[str, str]) -> None:
    """Raise ModelError if components are missing from the folder."""
    missing = [part for part in family.required_components if part not in components]
    if missing:
        message = f"{name} contains only the decoder of {family.label}: {missing[0]} and related components are missing"
        hint = "in Python, save both: KandinskyV22CombinedPipeline.from_pretrained(…).save_pretrained(FOLDER)"
        raise ModelError(message, hint=hint, field="model")


def _check_channels(name: str, family: Family, configs: Configs) -> None:
    """Raise ModelError unless the UNet has 4 input channels, or 9 for inpainting."""
    channels = configs.get("unet", {}).get("in_channels", 4)
    if family.staged and channels not in (4, INPAINTING_CHANNELS):
        message = f"{name} has a UNet with {channels} input channels, which is not supported"
        raise ModelError(message, hint="choose another model with -m", field="model")


def _is_inpainting_only(family: Family, denoiser: Mapping[str, Any]) -> bool:
    if family.staged:
        return bool(denoiser.get("in_channels", 4) == INPAINTING_CHANNELS)
    return not (family.text_to_image or family.image_to_image)


def _native_size(denoiser: Mapping[str, Any], vae: Mapping[str, Any], family: Family) -> int:
    sample, blocks = denoiser.get("sample_size"), vae.get("block_out_channels")
    if family.denoiser != "unet" or family.vae != "vae":
        return family.native_size
    if not isinstance(sample, int) or not isinstance(blocks, list):
        return family.native_size
    return int(sample * 2 ** (len(blocks) - 1))


def _is_origin_key(key: str) -> bool:
    """Return whether a key of a config contains its origin rather than the architecture."""
    return key.startswith("_") and key != "_class_name"


def _full_resolution_channels(vae: Mapping[str, Any]) -> int:
    """Return the channels of the VAE at full resolution."""
    blocks = vae.get("block_out_channels")
    return int(blocks[0]) if isinstance(blocks, list) and blocks else 128


def read_json(path: Path, restore: str) -> dict[str, Any]:
    """Read a JSON object from a file of the model. Raises ModelError if it is missing or damaged."""
    try:
        content = parse_json(read_input_text(path, MODEL_CONFIG))
    except FileNotFoundError:
        raise ModelError(f"a file of the model is missing: {path}", hint=restore, field="model") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"a file of the model cannot be read: {path} ({error})", hint=restore, field="model") from None
    if not isinstance(content, dict):
        raise ModelError(f"a file of the model is damaged: {path}", hint=restore, field="model")
    for name, is_valid in _FIELDS.items():
        if content.get(name) is not None and not is_valid(content[name]):
            message = f"a file of the model is damaged: {path} has an invalid {name}"
            raise ModelError(message, hint=restore, field="model")
    return content


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MAX_COUNT


def _is_count_or_counts(value: object) -> bool:
    return _is_count(value) or (
        isinstance(value, list) and 0 < len(value) <= _MAX_LISTED and all(map(_is_count, value))
    )


def _are_counts(value: object) -> bool:
    return isinstance(value, list) and _is_count_or_counts(value)


def _are_shards(value: object) -> bool:
    """Return whether an index names the file of each tensor; the files must be in its folder."""
    return isinstance(value, dict) and all(
        isinstance(name, str) and name.endswith(".safetensors") and Path(name).name == name for name in value.values()
    )


# The fields of configs and indexes that are used here, and what their values must be.
_FIELDS: Mapping[str, Callable[[object], bool]] = {
    "_class_name": lambda value: isinstance(value, str),
    "prediction_type": lambda value: isinstance(value, str),
    "in_channels": _is_count,
    "latent_channels": _is_count,
    "sample_size": _is_count_or_counts,
    "cross_attention_dim": _is_count_or_counts,
    "block_out_channels": _are_counts,
    "weight_map": _are_shards,
}


def variant_of(path: Path) -> str | None:
    """Return the variant in the name of a weight file or of an index of shards.

    `diffusion_pytorch_model.fp16.safetensors` and `model.safetensors.index.fp16.json` are `fp16`.
    """
    parts = [part for part in path.name.split(".")[1:] if part not in ("safetensors", "index", "json")]
    variant = _SHARD.sub("", f"{parts[0]}.").removesuffix(".") if parts else ""
    return variant or None


def weights_in(folder: Path, restore: str, owner: str = "model", field: str = "model") -> tuple[Path, ...]:
    """Return the weight files of a component: the shards in its index, or the single file.

    The full-precision files, if there are files of several precisions.

    Args:
        folder: The folder of the component.
        restore: The hint for missing or damaged files.
        owner: What the files belong to, for messages.
        field: The request field that names the model.

    Raises:
        ModelError: If files are missing or damaged, or there are only pickles.
    """
    names = (path for pattern in ("*.safetensors", "*.safetensors.index*.json") for path in folder.glob(pattern))
    choices = [path for path in names if _SHARD.search(path.name) is None]
    if not choices:
        check_not_pickled(folder, field)
        missing = folder / _expected_name(folder / "config.json")
        raise ModelError(f"a file of the {owner} is missing: {missing}", hint=restore, field=field)
    chosen = min(choices, key=_preference)
    files = _shards(chosen, restore) if chosen.suffix == ".json" else (chosen,)
    for path in files:
        if not path.is_file() or not is_whole(path):
            state = "damaged" if path.is_file() else "missing"
            raise ModelError(f"a file of the {owner} is {state}: {path}", hint=restore, field=field)
    return files


def _expected_name(config: Path) -> str:
    """Return the name of the file that a component lacks: its config, or the weights under its library's name."""
    if not config.is_file():
        return config.name
    return _NAMES[0] if "_class_name" in read_json(config, "") else _NAMES[1]


def _shards(index: Path, restore: str) -> tuple[Path, ...]:
    """Return the files that an index names."""
    names = (read_json(index, restore).get("weight_map") or {}).values()
    return tuple(index.parent / str(name) for name in sorted(set(names)))


def _preference(path: Path) -> tuple[bool, bool, bool, str]:
    """Return the sort key of weight files: without variant first, then the libraries' names, then shards."""
    return (
        variant_of(path) is not None,
        path.name.split(".")[0] not in _STEMS,
        path.suffix.lower() != ".json",
        path.name,
    )
