"""Control models (ControlNet, T2I-Adapter, IP-Adapter): read their facts from a folder or a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from invoke_cli.documents import parse_json
from invoke_cli.errors import ModelError
from invoke_cli.input_files import MODEL_CONFIG, read_input_text
from invoke_cli.models.files.folder import ModelFacts, weights_in
from invoke_cli.models.files.lora_kinds import adapter_kind
from invoke_cli.models.files.pickles import check_not_pickled
from invoke_cli.models.files.weights_header import read_header, shape_of


class Technique(Enum):
    """The technique of a control model; the values are the common names."""

    CONTROLNET = "ControlNet"
    CONTROLNET_UNION = "ControlNet Union"
    CONTROL_LORA = "Control-LoRA"
    IP_ADAPTER = "IP-Adapter"
    T2I_ADAPTER = "T2I-Adapter"

    @property
    def is_controlnet(self) -> bool:
        """Whether the pipeline runs it as a ControlNet."""
        return self in (Technique.CONTROLNET, Technique.CONTROLNET_UNION, Technique.CONTROL_LORA)


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlFacts:
    """Facts about a control model.

    Attributes:
        name: The name of its entry.
        technique: Its technique.
        path: Its folder or file.
        weights: Its weight files.
        text_width: The cross-attention width of the UNets that it was made for; 0 if unknown.
        channels: The first block channels of these UNets.
        encoder: The folder of its image encoder.
        modes: The number of modes of a ControlNet Union; 0 for others.
    """

    name: str
    technique: Technique
    path: Path
    weights: tuple[Path, ...]
    text_width: int
    channels: tuple[int, ...]
    encoder: Path | None = None
    modes: int = 0

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of control images that a ControlNet Union understands; empty for others."""
        return tuple(kind for kind, mode in UNION_MODES.items() if mode < self.modes)

    @property
    def made_for(self) -> str:
        """A description of the models that it was made for."""
        if not self.text_width:
            return self.made_for_channels
        width = f"a text width of {self.text_width}"
        family = _FAMILIES.get(self.text_width)
        return f"{family} ({width})" if family else f"models with {width}"

    @property
    def made_for_channels(self) -> str:
        """A description of the UNets that it was made for, by their channels."""
        return f"UNets with {', '.join(map(str, self.channels))} channels"

    def fits(self, model: ModelFacts) -> bool:
        """Return whether it was made for UNets like the model's."""
        if not self.text_width and self.technique is Technique.T2I_ADAPTER:
            return self.channels == model.channels
        shared = min(len(self.channels), len(model.channels))
        return self.text_width == model.text_width and self.channels[:shared] == model.channels[:shared]


ENCODER = "image_encoder"
_FAMILIES: Mapping[int, str] = {
    768: "Stable Diffusion 1.x",
    1024: "Stable Diffusion 2.x",
    2048: "Stable Diffusion XL",
}
_CLASSES: Mapping[str, Technique] = {
    "ControlNetModel": Technique.CONTROLNET,
    "ControlNetUnionModel": Technique.CONTROLNET_UNION,
    "T2IAdapter": Technique.T2I_ADAPTER,
}
_XL_WIDTH = 2048

# The mode of a ControlNet Union for each kind (model cards of controlnet-union-sdxl-1.0; the last one of its ProMax).
UNION_MODES: Mapping[str, int] = {
    "pose": 0, "depth": 1, "softedge": 2, "scribble": 2, "canny": 3, "lineart": 3, "mlsd": 3, "normal": 4, "seg": 5,
    "tile": 6,
}  # fmt: skip

# The kinds, and the words in names of published control models that identify them; the first match wins.
KINDS: Mapping[str, tuple[str, ...]] = {
    "ip": ("ip",),
    "canny": ("canny",),
    "depth": ("depth", "midas", "zoe"),
    "pose": ("openpose", "pose", "dwpose"),
    "seg": ("seg", "segmentation"),
    "softedge": ("softedge", "hed", "pidinet"),
    "scribble": ("scribble", "sketch"),
    "lineart": ("lineart",),
    "normal": ("normal", "normalbae"),
    "mlsd": ("mlsd",),
    "tile": ("tile",),
    "shuffle": ("shuffle",),
}

# The first layer of a ControlNet, and a cross-attention layer, in the layouts of single files.
_FIRST_LAYERS = (
    "conv_in.weight",
    "input_blocks.0.0.weight",
    "input_blocks.0.0.up",
    "control_model.input_blocks.0.0.weight",
)
_IMAGE_ATTENTION = re.compile(r"ip_adapter\.\d+\.to_k_ip\.weight")
_TEXT_ATTENTION = re.compile(r"(down_blocks|input_blocks)\..*\.transformer_blocks\.0\.attn2\.to_k\.(weight|down)")
_TASKS = "task_embedding"


def control_at(path: Path, name: str, base: Path | None = None) -> ControlFacts | None:
    """Read the facts of the control model in a folder or a file; None if there is none.

    Args:
        path: The folder or file.
        name: The name of its entry.
        base: The folder of an IP-Adapter's image encoder; by default, `image_encoder` next to it.

    Raises:
        ModelError: If files are damaged or missing.
    """
    if path.is_dir():
        return _in_folder(path, name)
    header = read_header(path) if path.suffix.lower() == ".safetensors" and path.is_file() else None
    return None if header is None else _of_header(path, name, header, base)


def _of_header(path: Path, name: str, header: dict[str, Any], base: Path | None) -> ControlFacts | None:
    """Read the facts of the control model in a file from the names and shapes of its tensors."""
    kind = adapter_kind(header)
    if kind is not None and kind.unsupported_control:
        raise _unsupported(name, kind.label)
    if kind is not None and kind.technique:
        return _in_file(path, name, header, Technique(kind.technique))
    attention_key = next((key for key in header if _IMAGE_ATTENTION.fullmatch(key)), None)
    return _ip_adapter(path, name, _side(header, attention_key, 1), base) if attention_key else None


def _unsupported(name: str, label: str) -> ModelError:
    hint = "import an ordinary ControlNet of the same kind instead (canny, depth, pose …)"
    return ModelError(f"{name} is {label}, which is not supported", hint=hint, field="controls")


def read_control(path: Path, name: str, base: Path | None = None) -> ControlFacts:
    """Read the facts of the control model in a folder or a file. Raises ModelError if there is none."""
    found = control_at(path, name, base)
    if found is None:
        kinds = " or ".join(_CLASSES)
        hint = f"the path must be a diffusers folder of a {kinds}, or a .safetensors file of one"
        raise ModelError(f"{name} is not a control model: {path}", hint=hint, field="controls")
    return found


def kind_in_name(name: str) -> str:
    """Return the kind of a control model by its name; empty if unknown."""
    words = re.split(r"[^a-z]+", name.lower())
    return next((kind for kind, aliases in KINDS.items() if any(alias in words for alias in aliases)), "")


def _in_folder(folder: Path, name: str) -> ControlFacts | None:
    try:
        config: dict[str, Any] = parse_json(read_input_text(folder / "config.json", MODEL_CONFIG))
        named = str(config.get("_class_name"))
    except (OSError, ValueError, AttributeError):
        return None
    technique = _CLASSES.get(named)
    if technique is None:
        if "ControlNet" in named:
            raise _unsupported(name, f"a {named}")
        return None
    width = _XL_WIDTH if config.get("adapter_type") == "full_adapter_xl" else config.get("cross_attention_dim")
    return ControlFacts(
        name=name,
        technique=technique,
        path=folder,
        weights=_weights(folder, name),
        text_width=width if isinstance(width, int) else 0,
        channels=_channels(config),
        modes=int(config.get("num_control_type", 6)) if technique is Technique.CONTROLNET_UNION else 0,
    )


def _channels(config: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the channels of the outputs for each block of a UNet; a light adapter repeats the last."""
    channels = tuple(config.get("block_out_channels") or config.get("channels") or ())
    return (*channels, *channels[-1:]) if config.get("adapter_type") == "light_adapter" else channels


def _weights(folder: Path, name: str) -> tuple[Path, ...]:
    """Return the weight files of a folder; the plain variant, if there are two."""
    if not any(folder.glob("*.safetensors")):
        check_not_pickled(folder, "controls")
        message = f"the weights of the control model {name} are missing in {folder}"
        raise ModelError(message, hint="download it again", field="controls")
    return weights_in(folder, "download it again", "control model", "controls")


def _in_file(path: Path, name: str, header: dict[str, Any], technique: Technique) -> ControlFacts:
    attention_key = next((key for key in header if _TEXT_ATTENTION.search(key)), "")
    first = next((shape_of(header, key) for key in _FIRST_LAYERS if key in header), ())
    return ControlFacts(
        name=name,
        technique=technique,
        path=path,
        weights=(path,),
        text_width=_side(header, attention_key, 1),
        channels=first[:1],
        modes=_side(header, _TASKS, 0),
    )


def _side(header: dict[str, Any], key: str, index: int) -> int:
    """Return one side of a tensor; 0 if there is no such tensor or side."""
    shape = shape_of(header, key)
    return shape[index] if len(shape) > index else 0


def _ip_adapter(path: Path, name: str, text_width: int, base: Path | None) -> ControlFacts:
    encoder = base or path.parent / ENCODER
    if not (encoder / "config.json").is_file():
        hint = f"put its folder there, or set it: !import_model {path} base=FOLDER"
        raise ModelError(f"the IP-Adapter {name} has no image encoder at {encoder}", hint=hint, field="controls")
    return ControlFacts(
        name=name,
        technique=Technique.IP_ADAPTER,
        path=path,
        weights=(path, *_weights(encoder, name)),
        text_width=text_width,
        channels=(),
        encoder=encoder,
    )


def _damaged(path: Path) -> ModelError:
    return ModelError(f"a file of the control model is damaged: {path}", hint="download it again", field="controls")
