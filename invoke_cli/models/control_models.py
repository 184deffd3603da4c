"""Control models, which let a second picture guide the first: what a folder or a file says of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from invoke_cli.errors import ModelError
from invoke_cli.models.files.folder import ModelFacts
from invoke_cli.models.files.pickles import check_not_pickled
from invoke_cli.models.files.weights_header import is_whole, read_header, shape_of


class Technique(Enum):
    """How a control model takes part; the values are the names that people know them by."""

    CONTROLNET = "ControlNet"
    IP_ADAPTER = "IP-Adapter"
    T2I_ADAPTER = "T2I-Adapter"


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlFacts:
    """What planning needs to know of a control model. It was made for UNets that read prompts `text_width` wide (0: it
    does not say) and begin with these `channels`. `weights` are its files. `encoder` is the folder of the network
    that sees for it.
    """

    name: str
    technique: Technique
    path: Path
    weights: tuple[Path, ...]
    text_width: int
    channels: tuple[int, ...]
    encoder: Path | None = None

    @property
    def made_for(self) -> str:
        """The kind of models it was made for, in words."""
        if not self.text_width:
            return f"UNets of {', '.join(map(str, self.channels))} channels"
        width = f"prompts {self.text_width} wide"
        family = _FAMILIES.get(self.text_width)
        return f"{family} ({width})" if family else f"models that read {width}"

    def fits(self, model: ModelFacts) -> bool:
        """Whether it was made for UNets such as the model's."""
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
    "T2IAdapter": Technique.T2I_ADAPTER,
}
_XL_WIDTH = 2048

# In the order in which a name is looked through: what a published control model is called tells what it is for.
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

# The first layer that looks at the picture, and one that reads the prompt, in the two layouts of single files.
_EYES = (
    "controlnet_cond_embedding.conv_in.weight",
    "input_hint_block.0.weight",
    "control_model.input_hint_block.0.weight",
)
_FIRST = ("conv_in.weight", "input_blocks.0.0.weight", "control_model.input_blocks.0.0.weight")
_READS_PICTURE = re.compile(r"ip_adapter\.\d+\.to_k_ip\.weight")
_READS_PROMPT = re.compile(r"(down_blocks|input_blocks)\..*\.transformer_blocks\.0\.attn2\.to_k\.weight")


def control_at(path: Path, name: str, base: Path | None = None) -> ControlFacts | None:
    """The control model in a folder or a file; None when what lies there is none, ModelError when it is damaged. `base`
    is the folder of an IP-Adapter's image encoder, else that which lies beside it.
    """
    if path.is_dir():
        return _in_folder(path, name)
    header = read_header(path) if path.suffix == ".safetensors" and path.is_file() else None
    if header is None:
        return None
    if any(key in header for key in _EYES):
        return _in_file(path, name, header)
    reads = next((key for key in header if _READS_PICTURE.fullmatch(key)), None)
    return _ip_adapter(path, name, shape_of(header, reads)[1], base) if reads else None


def read_control(path: Path, name: str, base: Path | None = None) -> ControlFacts:
    """The control model in a folder or a file; ModelError when there is none."""
    found = control_at(path, name, base)
    if found is None:
        kinds = " or ".join(_CLASSES)
        hint = f"its entry's path is a diffusers folder whose config.json says {kinds}, or a .safetensors file of such"
        raise ModelError(f"{name} is no control model: {path}", hint=hint, field="controls")
    return found


def kind_in_name(name: str) -> str:
    """What a control model of this name is for; empty when the name does not say."""
    words = re.split(r"[^a-z]+", name.lower())
    return next((kind for kind, signs in KINDS.items() if any(sign in words for sign in signs)), "")


def _in_folder(folder: Path, name: str) -> ControlFacts | None:
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        named = str(config.get("_class_name"))
    except (OSError, ValueError, AttributeError):
        return None
    technique = _CLASSES.get(named)
    if technique is None:
        return None
    width = _XL_WIDTH if config.get("adapter_type") == "full_adapter_xl" else config.get("cross_attention_dim")
    return ControlFacts(
        name=name,
        technique=technique,
        path=folder,
        weights=_weights(folder, name),
        text_width=width if isinstance(width, int) else 0,
        channels=_channels(config),
    )


def _channels(config: Mapping[str, Any]) -> tuple[int, ...]:
    """The channels of what the model hands to each block of a UNet; a light adapter's last come twice."""
    channels = tuple(config.get("block_out_channels") or config.get("channels") or ())
    return (*channels, *channels[-1:]) if config.get("adapter_type") == "light_adapter" else channels


def _weights(folder: Path, name: str) -> tuple[Path, ...]:
    """The weight files of a folder; of two variants the plain one."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        check_not_pickled(folder, "controls")
        message = f"the weights of the control model {name} are missing in {folder}"
        raise ModelError(message, hint="fetch it again", field="controls")
    for path in files:
        if not is_whole(path):
            raise _damaged(path)
    return tuple(path for path in files if ".fp16." not in path.name) or tuple(files)


def _in_file(path: Path, name: str, header: dict[str, Any]) -> ControlFacts:
    reads = next((key for key in header if _READS_PROMPT.search(key)), "")
    first = next((shape_of(header, key) for key in _FIRST if key in header), ())
    return ControlFacts(
        name=name,
        technique=Technique.CONTROLNET,
        path=path,
        weights=(path,),
        text_width=shape_of(header, reads)[1] if reads else 0,
        channels=first[:1],
    )


def _ip_adapter(path: Path, name: str, text_width: int, base: Path | None) -> ControlFacts:
    encoder = base or path.parent / ENCODER
    if not (encoder / "config.json").is_file():
        hint = f"put its folder there, or name it: !import_model {path} base=FOLDER"
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
    return ModelError(f"a file of the control model is damaged: {path}", hint="fetch it again", field="controls")
