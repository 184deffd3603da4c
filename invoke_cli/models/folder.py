"""What a folder in the diffusers layout says of itself without loading a weight: its family, size and completeness."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invoke_cli.errors import ModelError
from invoke_cli.models.families import Family, family_of

_WEIGHT_SUFFIXES = (".safetensors", ".bin")
_WEIGHTED = ("unet", "vae", "text_encoder")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFacts:
    """What planning needs to know of a model. `size` is the native side in pixels, `vae_channels` the width of the
    VAE at full resolution. `inpainting` models paint under a mask and do nothing else.
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

    @property
    def vae_weights(self) -> Path:
        """The weight file of the VAE."""
        return self.weights[_WEIGHTED.index("vae")]

    @property
    def size_on_disk(self) -> int:
        """Bytes of all weight files."""
        return sum(path.stat().st_size for path in self.weights)


def read_facts(folder: Path, name: str, size: int | None = None) -> ModelFacts:
    """The facts of the model in `folder`; ModelError names the file that is missing or damaged, and the remedy."""
    restore = f"put the folder of {name} back as it was, or take another model with -m (!models lists them)"
    if not folder.is_dir():
        raise ModelError(f"the folder of the model {name} is missing: {folder}", hint=restore, field="model")
    index = _read_json(folder / "model_index.json", restore)
    family = family_of(str(index.get("_class_name")))
    unet = _read_json(folder / "unet" / "config.json", restore)
    vae = _read_json(folder / "vae" / "config.json", restore)
    scheduler = _read_json(folder / "scheduler" / "scheduler_config.json", restore)
    channels = unet.get("in_channels", 4)
    if channels not in (4, 9):
        message = f"{name} has a UNet of {channels} input channels, a kind that is not supported yet"
        raise ModelError(message, hint="choose another model with -m", field="model")
    return ModelFacts(
        family=family,
        folder=folder,
        size=size or _native_size(unet, vae, family),
        scheduler=str(scheduler.get("_class_name", "")),
        prediction_type=str(scheduler.get("prediction_type", "epsilon")),
        weights=tuple(_weights(folder / part, restore) for part in _WEIGHTED),
        vae_channels=_widest(vae),
        inpainting=channels == 9,
        vae_config=json.dumps({key: vae[key] for key in sorted(vae) if not _is_remark(key)}),
    )


def _native_size(unet: dict[str, Any], vae: dict[str, Any], family: Family) -> int:
    sample, blocks = unet.get("sample_size"), vae.get("block_out_channels")
    if not isinstance(sample, int) or not isinstance(blocks, list):
        return family.native_size
    return int(sample * 2 ** (len(blocks) - 1))


def _is_remark(key: str) -> bool:
    """Whether a key of a configuration tells where it comes from, and nothing of the network."""
    return key.startswith("_") and key != "_class_name"


def _widest(vae: dict[str, Any]) -> int:
    """Channels of the VAE's stage at full resolution."""
    blocks = vae.get("block_out_channels")
    return int(blocks[0]) if isinstance(blocks, list) and blocks else 128


def _read_json(path: Path, restore: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"a file of the model is missing: {path}", hint=restore, field="model") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"a file of the model cannot be read: {path} ({error})", hint=restore, field="model") from None
    if not isinstance(content, dict):
        raise ModelError(f"a file of the model is damaged: {path}", hint=restore, field="model")
    return content


def _weights(folder: Path, restore: str) -> Path:
    files = sorted(path for path in folder.glob("*") if path.suffix in _WEIGHT_SUFFIXES)
    if not files:
        raise ModelError(f"the model's weights are missing in {folder}", hint=restore, field="model")
    best = next((path for path in files if path.suffix == ".safetensors"), files[0])
    if best.suffix == ".safetensors" and not _whole(best):
        raise ModelError(f"a file of the model is damaged: {best}", hint=restore, field="model")
    return best


def _whole(path: Path) -> bool:
    """Whether a safetensors file has the length that its header announces (8 bytes, little-endian, then JSON)."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > size:
                return False
            header = json.loads(file.read(length))
    except (struct.error, ValueError):
        return False
    ends = [entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"]
    return bool(size == 8 + length + max(ends, default=0))
