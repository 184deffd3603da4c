"""Read the facts of a single-file checkpoint, whose kind is detected by the names and shapes of its tensors.

Its configs come from the bundled `layouts`, or from a base: a folder in the diffusers layout with the components that
the file lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from invoke_cli.errors import ModelError
from invoke_cli.models.families.family import Family
from invoke_cli.models.families.table import family_of
from invoke_cli.models.files.checkpoint_keys import normalised
from invoke_cli.models.files.folder import ModelFacts, components_of, facts_from, has_weights, read_configs, read_json
from invoke_cli.models.files.gguf import SUFFIX as GGUF
from invoke_cli.models.files.pickles import PICKLES, pickle_error
from invoke_cli.models.files.prediction_type import EPSILON, detect_prediction_type
from invoke_cli.models.files.weights_header import header_of, shape_of
from invoke_cli.models.files.zero_snr import detect_zero_snr

LAYOUTS = Path(__file__).parent.parent.parent / "assets" / "layouts"
_BASE = "base: FOLDER in its entry, or !import_model FILE base=FOLDER"

_FIRST = "model.diffusion_model.input_blocks.0.0.weight"
_ATTENTION = "model.diffusion_model.input_blocks.{}.1.transformer_blocks.0.attn2.to_k.weight"
_CHANNELS = {4: "", 8: "-pix2pix", 9: "-inpainting"}
_BASE_SIZE = 512
_BY_WIDTH = {768: "sd1", 1024: "sd2", 2048: "sdxl", 1280: "sdxl-refiner"}
Header = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A component that a file may contain: its tensor names start with one of `prefixes`."""

    name: str
    prefixes: tuple[str, ...]


_PARTS: tuple[Part, ...] = (
    Part(name="vae", prefixes=("first_stage_model.", "vae.")),
    Part(name="text_encoder", prefixes=("cond_stage_model.", "conditioner.embedders.0.transformer.", "text_encoders.")),
    Part(name="text_encoder_2", prefixes=("conditioner.embedders.1.", "conditioner.embedders.0.model.")),
)
_TRANSFORMERS: tuple[str, ...] = (
    "double_blocks.0.img_attn.proj.weight",
    "joint_blocks.0.context_block.attn.proj.weight",
    "transformer_blocks.0.attn.to_q.weight",
    "layers.0.attention.qkv.weight",
    "blocks.0.attn.qkv.weight",
)


def _checked_header(path: Path, name: str) -> Mapping[str, Any]:
    """Read the header of a model file. Raises ModelError if it is missing, a pickle or incomplete."""
    if not path.is_file():
        message = f"the file of the model {name} is missing: {path}"
        raise ModelError(
            message, hint="restore it, or choose another model with -m (!models lists them)", field="model"
        )
    if path.suffix.lower() in PICKLES:
        raise pickle_error(path)
    header = header_of(path)
    if header is None:
        hint = "download it again, or choose another model with -m"
        raise ModelError(f"{path.name} is incomplete or not a {path.suffix} file", hint=hint, field="model")
    return normalised(header)


def _check_gguf(path: Path, family: Family) -> None:
    """Raise ModelError for a GGUF file of a UNet model."""
    if path.suffix.lower() == GGUF and family.denoiser == "unet":
        hint = "use its .safetensors file; GGUF is supported only for transformer models such as FLUX"
        raise ModelError(f"GGUF is not supported for {family.label}: {path.name}", hint=hint, field="model")


def read_file_facts(
    path: Path, name: str, size: int | None = None, base: Path | None = None, *, other_vae: bool = False
) -> ModelFacts:
    """Read the facts of the model in a file.

    Args:
        path: The file.
        name: The name of the model, for error messages.
        size: Its native size, if known.
        base: The folder with the components that the file lacks.
        other_vae: Whether the VAE comes from elsewhere.

    Raises:
        ModelError: If the file is missing, damaged or not supported.
    """
    header = _checked_header(path, name)
    layout = base or _layout_for(path, header)
    restore = f"set a folder in the diffusers layout as the base of {name} in its entry (!edit_model {name})"
    index = read_json(layout / "model_index.json", restore)
    components = components_of(index)
    configs = read_configs(layout, components, restore)
    family = family_of(index, configs)
    _check_gguf(path, family)
    elsewhere = (family.denoiser, family.vae) if other_vae else (family.denoiser,)
    needed = [part for part in components if has_weights(part) and part not in elsewhere]
    is_complete = family.denoiser == "unet" and contained_parts(header).issuperset(needed)
    files = {part: (path,) if is_complete else _from_base(path, part, base) for part in needed}
    facts = replace(facts_from(family, path, configs, {family.denoiser: (path,), **files}, size), base=base)
    facts = replace(facts, zero_snr_source=detect_zero_snr(path, header))
    return facts if base else _with_detected_prediction(facts, header, size)


def _with_detected_prediction(facts: ModelFacts, header: Header, size: int | None) -> ModelFacts:
    """Apply the prediction type detected in the file, if it differs from the layout's.

    The epsilon models of Stable Diffusion 2 are its base models, with a native size of 512 pixels.
    """
    indicator = detect_prediction_type(facts.folder, header) if facts.family.staged else None
    if indicator is None or indicator[0] == facts.prediction_type:
        return facts
    base = facts.family.name == "stable-diffusion-2" and indicator[0] == EPSILON
    return replace(
        facts,
        prediction_type=indicator[0],
        prediction_type_source=indicator[1],
        size=size or (_BASE_SIZE if base else facts.size),
    )


def contained_parts(header: Header) -> frozenset[str]:
    """Return the components other than the denoiser that a file contains."""
    return frozenset(part.name for part in _PARTS if any(key.startswith(part.prefixes) for key in header))


def layout_of(facts: ModelFacts) -> Path:
    """Return the folder with the configs for a single-file model."""
    return facts.base or _layout_for(facts.folder, normalised(header_of(facts.folder) or {}))


def _from_base(path: Path, part: str, base: Path | None) -> tuple[Path, ...]:
    """Return the files of a component that the checkpoint lacks."""
    files = tuple(sorted((base / part).glob("*.safetensors"))) if base else ()
    if not files:
        hint = (
            f"set a diffusers folder that has it: base: FOLDER in its entry, or !import_model {path.name} base=FOLDER"
        )
        raise ModelError(f"{path.name} contains no {part.replace('_', ' ')}", hint=hint, field="model")
    return files


def _layout_for(path: Path, header: Header) -> Path:
    kind = kind_of(header)
    if kind is None:
        hint = "supported are Stable Diffusion 1, 2 and XL, and transformers such as FLUX; a LoRA is not a model"
        raise ModelError(f"{path.name} contains no supported model", hint=hint, field="model")
    layout = LAYOUTS / kind
    if not layout.is_dir():
        hint = f"set a diffusers folder with the other components: {_BASE}"
        message = f"{path.name} contains only the transformer of a model: text encoders and VAE are missing"
        raise ModelError(message, hint=hint, field="model")
    return layout


def kind_of(header: Header) -> str | None:
    """Return the kind of a file: the layout of a UNet model, or `transformer`; None if unknown."""
    unprefixed = {key.removeprefix("model.diffusion_model.") for key in header}
    if any(key in unprefixed for key in _TRANSFORMERS):
        return "transformer"
    first = shape_of(dict(header), _FIRST)
    if not first:
        return None
    layout = next((name for name, fits in _BY_ENCODER.items() if fits(header)), None) or _by_width(header)
    return f"{layout}{_CHANNELS.get(first[1], '')}" if layout else None


def _has_prefix(*prefixes: str) -> Callable[[Header], bool]:
    return lambda header: any(key.startswith(prefixes) for key in header)


_BY_ENCODER: Mapping[str, Callable[[Header], bool]] = {
    "sdxl": _has_prefix("conditioner.embedders.1."),
    "sdxl-refiner": _has_prefix("conditioner.embedders.0.model."),
    "sd2": _has_prefix("cond_stage_model.model."),
    "sd1": _has_prefix("cond_stage_model.transformer."),
}


def _by_width(header: Header) -> str | None:
    """Return the kind by the cross-attention width of the UNet, for a file without a text encoder."""
    for block in range(1, 9):
        shape = shape_of(dict(header), _ATTENTION.format(block))
        if shape:
            return _BY_WIDTH.get(shape[1])
    return None
