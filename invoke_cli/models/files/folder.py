"""What a folder in the diffusers layout says of itself without loading a weight: its family, size and completeness."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from invoke_cli.errors import ModelError
from invoke_cli.models.families.family import Family
from invoke_cli.models.families.table import family_of
from invoke_cli.models.files.gguf import SUFFIX as GGUF
from invoke_cli.models.files.pickles import check_not_pickled
from invoke_cli.models.files.weights_header import SINGLE_FILES, is_whole

INPAINTING_CHANNELS = 9
# Components that no line needs: pictures are not judged.
_LEFT_OUT = ("safety_checker", "feature_extractor", "image_encoder")
_WITHOUT_WEIGHTS = ("tokenizer", "scheduler", "processor")
_PACKAGED = Path(__file__).resolve().parent.parent.parent / "assets"
Configs = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFacts:
    """What planning needs to know of a model. `size` is the native side in pixels, `vae_channels` the width of the
    VAE at full resolution. `inpainting` models paint under a mask and do nothing else. `folder` is the file itself
    where the model is a single file, `base` then the folder that has what the file lacks. `parts` are the weight
    files by component, `vae_weights` those of the VAE, which lies at `vae_from` where it is not the model's own.
    `told_by` says what `prediction_type` was told by, where it is not the scheduler's config.
    `quantize` is how the denoiser is kept in fewer bits. A UNet reads prompts `text_width` wide, and its blocks have
    these `channels`. `preview_vae` is the folder of a tiny VAE for previews.
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
    quantize: str = ""
    text_width: int = 0
    channels: tuple[int, ...] = ()
    preview_vae: Path | None = None

    @property
    def key(self) -> str:
        """What tells this model in memory from others: the places that it is made from, and how."""
        told = self.prediction_type if self.prediction_type_source else ""
        return "|".join(str(place or "") for place in (self.folder, self.base, self.vae_from, self.quantize, told))

    @property
    def single_file(self) -> bool:
        """Whether the model is a file rather than a folder."""
        return self.folder.suffix in SINGLE_FILES

    @property
    def quantised(self) -> bool:
        """Whether the denoiser's numbers are kept in fewer bits than they are worked with."""
        return bool(self.quantize) or self.folder.suffix == GGUF

    @property
    def vae_weights(self) -> tuple[Path, ...]:
        """The weight files of the VAE."""
        return self.parts.get(self.family.vae, self.weights)

    @property
    def size_on_disk(self) -> int:
        """Bytes of all weight files."""
        return sum(path.stat().st_size for path in self.weights)


def read_facts(folder: Path, name: str, size: int | None = None) -> ModelFacts:
    """The facts of the model in `folder`; ModelError names the file that is missing or damaged, and the remedy."""
    restore = how_to_restore(folder, name)
    if not folder.is_dir():
        raise ModelError(f"the folder of the model {name} is missing: {folder}", hint=restore, field="model")
    index = read_json(folder / "model_index.json", restore)
    components = components_of(index)
    configs = read_configs(folder, components, restore)
    family = family_of(index, configs)
    if not family.can_generate:
        raise ModelError(f"no line can draw with {name} ({family.label})", hint=family.alternative, field="model")
    _check_halves(name, family, components)
    _check_channels(name, family, configs)
    parts = {part: weights_in(folder / part, restore) for part in components if has_weights(part)}
    return facts_from(family, folder, configs, parts, size)


def how_to_restore(folder: Path, name: str) -> str:
    """What to do when files of a model are missing or damaged; those of the program's own come back with it."""
    other = "or take another model with -m (!models lists them)"
    if _PACKAGED in folder.resolve().parents:
        return f"install invoke-cli again (in a checkout: git restore invoke_cli/assets), {other}"
    return f"put the folder of {name} back as it was, {other}"


def facts_from(
    family: Family, folder: Path, configs: Configs, parts: Mapping[str, tuple[Path, ...]], size: int | None
) -> ModelFacts:
    """The facts of a model whose family, configs and files are known."""
    denoiser, vae, scheduler = (configs.get(part, {}) for part in (family.denoiser, family.vae, "scheduler"))
    facts = ModelFacts(
        family=family,
        folder=folder,
        size=size or _native_size(denoiser, vae, family),
        scheduler=str(scheduler.get("_class_name", "")),
        prediction_type=str(scheduler.get("prediction_type", "epsilon")),
        weights=tuple(dict.fromkeys(path for files in parts.values() for path in files)),
        inpainting=_paints_only(family, denoiser),
        parts=parts,
        text_width=width if isinstance(width := denoiser.get("cross_attention_dim"), int) else 0,
        channels=tuple(denoiser.get("block_out_channels") or ()),
    )
    return vae_facts(facts, vae)


def vae_facts(facts: ModelFacts, vae: Mapping[str, Any]) -> ModelFacts:
    """The facts with what the config of a VAE says."""
    config = json.dumps({key: vae[key] for key in sorted(vae) if not _is_remark(key)})
    return replace(facts, vae_channels=_widest(vae), vae_config=config)


def read_configs(folder: Path, components: Mapping[str, str], restore: str) -> dict[str, dict[str, Any]]:
    """The config of each component that has one: of models and of schedulers."""
    configs: dict[str, dict[str, Any]] = {}
    for part, name in components.items():
        if has_weights(part):
            configs[part] = read_json(folder / part / "config.json", restore)
        elif name.endswith("Scheduler"):
            configs[part] = read_json(folder / part / "scheduler_config.json", restore)
    return configs


def components_of(index: Mapping[str, Any]) -> dict[str, str]:
    """The class of each component that the model has, by its name."""
    pairs = {part: entry for part, entry in index.items() if isinstance(entry, list) and len(entry) == 2}
    return {part: str(entry[1]) for part, entry in pairs.items() if entry[1] and part not in _LEFT_OUT}


def has_weights(part: str) -> bool:
    """Whether a component of this name is a network."""
    return not any(word in part for word in _WITHOUT_WEIGHTS)


def _check_halves(name: str, family: Family, components: Mapping[str, str]) -> None:
    """ModelError for a folder that holds one half of a model."""
    missing = [part for part in family.required_components if part not in components]
    if missing:
        message = f"{name} is the decoder of {family.label} alone: {missing[0]} and what belongs to it are missing"
        hint = "save both as one: KandinskyV22CombinedPipeline.from_pretrained(…).save_pretrained(FOLDER) in Python"
        raise ModelError(message, hint=hint, field="model")


def _check_channels(name: str, family: Family, configs: Configs) -> None:
    """ModelError for a UNet of an unknown kind: 4 channels in are an ordinary one's, 9 one's made for inpainting."""
    channels = configs.get("unet", {}).get("in_channels", 4)
    if family.staged and channels not in (4, INPAINTING_CHANNELS):
        message = f"{name} has a UNet of {channels} input channels, a kind that is not supported yet"
        raise ModelError(message, hint="choose another model with -m", field="model")


def _paints_only(family: Family, denoiser: Mapping[str, Any]) -> bool:
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


def _is_remark(key: str) -> bool:
    """Whether a key of a configuration tells where it comes from, and nothing of the network."""
    return key.startswith("_") and key != "_class_name"


def _widest(vae: Mapping[str, Any]) -> int:
    """Channels of the VAE's stage at full resolution."""
    blocks = vae.get("block_out_channels")
    return int(blocks[0]) if isinstance(blocks, list) and blocks else 128


def read_json(path: Path, restore: str) -> dict[str, Any]:
    """A JSON object from a file of the model; ModelError names the file when it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"a file of the model is missing: {path}", hint=restore, field="model") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"a file of the model cannot be read: {path} ({error})", hint=restore, field="model") from None
    if not isinstance(content, dict):
        raise ModelError(f"a file of the model is damaged: {path}", hint=restore, field="model")
    return content


def variant_of(path: Path) -> str | None:
    """The variant that a file's name carries: `diffusion_pytorch_model.fp16.safetensors` is `fp16`."""
    parts = path.name.split(".")
    return re.sub(r"-\d+-of-\d+$", "", parts[1]) if len(parts) > 2 else None


def weights_in(folder: Path, restore: str) -> tuple[Path, ...]:
    """The weight files of a component: the shards that an index names, or the one file. ModelError when there are none
    but pickles.
    """
    indices = sorted(folder.glob("*.safetensors.index*.json"))
    if indices:
        shards = read_json(indices[0], restore).get("weight_map", {}).values()
        files = [folder / str(name) for name in sorted(set(shards))]
    else:
        files = sorted(folder.glob("*.safetensors"))[:1]
    if not files:
        check_not_pickled(folder)
        own = "_class_name" in read_json(folder / "config.json", restore)
        wanted = folder / ("diffusion_pytorch_model.safetensors" if own else "model.safetensors")  # diffusers' names
        raise ModelError(f"a file of the model is missing: {wanted}", hint=restore, field="model")
    for path in files:
        if not path.is_file():
            raise ModelError(f"a file of the model is missing: {path}", hint=restore, field="model")
        if not is_whole(path):
            raise ModelError(f"a file of the model is damaged: {path}", hint=restore, field="model")
    return tuple(files)
