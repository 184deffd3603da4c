"""LoRA files in the layouts of all trainers give the image of a model whose weights contain the LoRA."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from invoke_cli.engine import Engine, Job
from invoke_cli.errors import ModelError
from invoke_cli.events import Notice
from invoke_cli.planning.plan import LoraUse
from tests.engine.jobs import Events
from tests.families.builders import Folder
from tests.families.exporting import _unet_key
from tests.families.jobs import first_image, job, tiny

LINE = "a cat -s 2 -S 5 -C 4"
Tensors = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A random LoRA of one layer: `component.module`, its matrices, its alpha and DoRA's magnitudes."""

    path: str
    down: Any
    up: Any
    alpha: float | None = None
    magnitude: Any = None

    @property
    def component(self) -> str:
        return self.path.partition(".")[0]

    @property
    def module(self) -> str:
        return self.path.partition(".")[2]

    def merged(self, weight: Any) -> Any:
        """Return the layer's weights with the LoRA."""
        rank = self.down.shape[0]
        scale = 1.0 if self.alpha is None else self.alpha / rank
        result = weight + scale * (self.up.flatten(1).float() @ self.down.flatten(1).float()).reshape(weight.shape)
        if self.magnitude is None:
            return result
        axis = 1 if self.magnitude.shape[0] == weight.shape[0] else 0
        norm = result.norm(dim=[each for each in range(result.ndim) if each != 1 - axis], keepdim=True)
        return result * self.magnitude.reshape(norm.shape) / norm


def layers(folder: Path, *, text: bool = True, conv: bool = True, ranks: tuple[int, ...] = (2,)) -> list[Layer]:
    """Return random LoRA layers for the attention, the feed-forward layers and the convolutions of a model."""
    import torch

    torch.manual_seed(3)
    result: list[Layer] = []
    for path, weight in weights(folder):
        component = path.partition(".")[0]
        wanted = any(f"attn1.{name}" in path for name in ("to_q", "to_k", "to_v", "to_out.0")) or "ff.net." in path
        if component == "unet" and conv:
            wanted = wanted or path.endswith((".conv1", ".conv2", ".time_emb_proj", ".proj_in"))
        if "text_encoder" in component:
            wanted = text and path.endswith(("q_proj", "v_proj", "fc1"))
        if wanted:
            rank = ranks[len(result) % len(ranks)]
            down = torch.randn(rank, *weight.shape[1:]) * 0.2
            up = torch.randn(weight.shape[0], rank, *[1] * (weight.ndim - 2)) * 0.2
            result.append(Layer(path=path, down=down, up=up, alpha=1.0))
    return result


def weights(folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield the weights of each layer of a model's networks but the VAE, by `component.module`."""
    from safetensors.torch import load_file

    for path in sorted(folder.glob("*/*.safetensors")):
        if path.parent.name != "vae":
            for name, tensor in load_file(path).items():
                if name.endswith(".weight") and tensor.ndim > 1 and "embed" not in name:
                    yield f"{path.parent.name}.{name.removesuffix('.weight')}", tensor


def merged_folder(folder: Path, copy: Path, chosen: list[Layer], weight: float = 1.0) -> Path:
    """Copy a model with a LoRA in its weights."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, copy)
    for part in {layer.component for layer in chosen}:
        file = next((copy / part).glob("*.safetensors"))
        tensors = load_file(file)
        for layer in chosen:
            if layer.component == part:
                name = f"{layer.module}.weight"
                tensors[name] = tensors[name] + weight * (layer.merged(tensors[name]) - tensors[name])
        save_file(tensors, file, {"format": "pt"})
    return copy


# -- layouts -----------------------------------------------------------------------------------------------------------


def kohya(chosen: list[Layer], names: Callable[[Layer], str] = lambda layer: layer.module) -> Tensors:
    """Return a LoRA as kohya's sd-scripts writes it."""
    import torch

    tensors: Tensors = {}
    twice = any(layer.component == "text_encoder_2" for layer in chosen)
    prefixes = {"unet": "lora_unet", "text_encoder": "lora_te1" if twice else "lora_te", "text_encoder_2": "lora_te2",
                "transformer": "lora_transformer"}  # fmt: skip
    for layer in chosen:
        module = names(layer) if layer.component == "unet" else f"text_model.{layer.module.removeprefix('text_model.')}"
        name = f"{prefixes[layer.component]}_{module.replace('.', '_')}"
        tensors |= {f"{name}.lora_down.weight": layer.down, f"{name}.lora_up.weight": layer.up}
        if layer.alpha is not None:
            tensors[f"{name}.alpha"] = torch.tensor(layer.alpha)
        if layer.magnitude is not None:
            tensors[f"{name}.dora_scale"] = layer.magnitude
    return tensors


def original_names(layer: Layer) -> str:
    """Return the name of a UNet's layer in the original UNet, which kohya's trainer uses for SDXL."""
    return _unet_key(f"{layer.module}.weight").removesuffix(".weight")


def peft(chosen: list[Layer], prefix: str = "{component}.") -> Tensors:
    tensors: Tensors = {}
    for layer in chosen:
        name = prefix.format(component=layer.component) + layer.module
        tensors |= {f"{name}.lora_A.weight": layer.down, f"{name}.lora_B.weight": layer.up}
    return tensors


def old_diffusers(chosen: list[Layer]) -> Tensors:
    """Return the attention layers as attention processors, as diffusers wrote them in 2023."""
    tensors: Tensors = {}
    for layer in chosen:
        stem, _, last = layer.module.removesuffix(".0").rpartition(".")
        name = f"unet.{stem}.processor.{last}_lora"
        tensors |= {f"{name}.down.weight": layer.down, f"{name}.up.weight": layer.up}
    return tensors


def mixed_diffusers(chosen: list[Layer]) -> Tensors:
    """Return convolutions in PEFT's names and other layers in diffusers', as diffusers writes them together."""
    tensors: Tensors = {}
    for layer in sorted(chosen, key=lambda layer: layer.down.ndim == 2):
        down, up = ("lora_A", "lora_B") if layer.down.ndim > 2 else ("lora.down", "lora.up")
        tensors |= {f"{layer.path}.{down}.weight": layer.down, f"{layer.path}.{up}.weight": layer.up}
    return tensors


def comfy(chosen: list[Layer]) -> Tensors:
    import torch

    tensors: Tensors = {}
    for layer in chosen:
        prefix = "diffusion_model." if layer.component == "unet" else "text_encoders.clip_l.transformer.text_model."
        name = prefix + (original_names(layer) if layer.component == "unet" else layer.module)
        tensors |= {f"{name}.lora_down.weight": layer.down, f"{name}.lora_up.weight": layer.up}
        tensors[f"{name}.alpha"] = torch.tensor(layer.alpha)
    return tensors


def without_alpha(chosen: list[Layer]) -> list[Layer]:
    return [replace(layer, alpha=None) for layer in chosen]


def of_component(chosen: list[Layer], component: str) -> list[Layer]:
    return [layer for layer in chosen if layer.component == component]


def alternating_alphas(chosen: list[Layer]) -> list[Layer]:
    return [replace(layer, alpha=(None, 0.5, 4.0)[index % 3]) for index, layer in enumerate(chosen)]


# -- tests -------------------------------------------------------------------------------------------------------------


def with_lora(line: str, folder: Path, file: Path, weight: float = 1.0) -> Job:
    plain = job(line, tiny(folder))
    use = LoraUse(name=file.stem, weight=weight, path=str(file), sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    return replace(plain, plan=replace(plain.plan, loras=(use,)))


def save(tensors: Tensors, file: Path, metadata: Mapping[str, str] | None = None) -> Path:
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file, metadata)
    return file


def pixels_of(engine: Engine, made: Job) -> Any:
    return np.asarray(first_image(engine, made), np.int16)


def check(engine: Engine, folder: Path, tmp_path: Path, file: Path, chosen: list[Layer], weight: float = 1.0) -> None:
    """Compare the image of a LoRA file with that of the merged model, and with that of the plain model.

    Merged weights are rounded differently, so some levels change by a few.
    """
    result = pixels_of(engine, with_lora(LINE, folder, file, weight))
    merged = merged_folder(folder, tmp_path / "merged", chosen, weight)
    expected, plain = (pixels_of(engine, job(LINE, tiny(each))) for each in (merged, folder))
    change = np.abs(result - plain).mean()
    assert change > 0.3 and np.abs(result - expected).mean() < 0.1 * change
    assert (pixels_of(engine, job(LINE, tiny(folder))) == plain).all(), "the model is restored"


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("stable-diffusion", "kohya"), ("stable-diffusion", "original names"), ("stable-diffusion", "comfy"),
        ("sdxl", "kohya"), ("sdxl", "original names"), ("stable-diffusion-2", "kohya"),
    ],
)  # fmt: skip
def test_kohyas_layouts(real_engine: Engine, folder_of: Folder, tmp_path: Path, name: str, layout: str) -> None:
    folder = folder_of(name)
    chosen = layers(folder)
    tensors = comfy(chosen) if layout == "comfy" else kohya(chosen)
    if layout == "original names":
        tensors = kohya(chosen, original_names)
    check(real_engine, folder, tmp_path, save(tensors, tmp_path / "lora.safetensors"), chosen)


@pytest.mark.parametrize("layout", ["plain", "wrapped", "bare", "old", "mixed"])
def test_the_layouts_of_diffusers_and_peft(real_engine: Engine, folder_of: Folder, tmp_path: Path, layout: str) -> None:
    folder = folder_of("stable-diffusion")
    attention = [each for each in layers(folder, text=False) if ".attn1." in each.path]
    chosen = without_alpha(attention if layout == "old" else layers(folder, text=layout == "plain"))
    tensors = {
        "plain": lambda: peft(chosen),
        "wrapped": lambda: peft(chosen, "base_model.model."),
        "bare": lambda: peft(chosen, ""),
        "old": lambda: old_diffusers(chosen),
        "mixed": lambda: mixed_diffusers(chosen),
    }[layout]()
    check(real_engine, folder, tmp_path, save(tensors, tmp_path / "lora.safetensors"), chosen, 0.7)


@pytest.mark.parametrize("variant", ["no alpha", "mixed", "text only", "attention only", "float16", "float8"])
def test_variants_of_kohyas_layout(real_engine: Engine, folder_of: Folder, tmp_path: Path, variant: str) -> None:
    import torch

    folder = folder_of("stable-diffusion")
    chosen = layers(folder, ranks=(2, 3) if variant == "mixed" else (2,), conv=variant != "attention only")
    match variant:
        case "no alpha":
            chosen = without_alpha(chosen)
        case "mixed":
            chosen = alternating_alphas(chosen)
        case "text only":
            queries = [each for each in of_component(chosen, "text_encoder") if each.path.endswith("q_proj")]
            chosen = [replace(each, up=each.up * 6) for each in queries]
        case "float16" | "float8":
            dtype = torch.float16 if variant == "float16" else torch.float8_e4m3fn
            chosen = [replace(each, down=each.down.to(dtype), up=each.up.to(dtype)) for each in chosen]
    check(real_engine, folder, tmp_path, save(kohya(chosen), tmp_path / "lora.safetensors"), chosen)


@pytest.mark.parametrize(
    "dtype",
    ["float16", "float8_e4m3fn", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bfloat16", "float8_e5m2"))],
)
@pytest.mark.parametrize("layout", ["kohya", "original names", "comfy", "peft", "mixed"])
def test_each_dtype_of_the_file_gives_the_image_of_its_values_in_float32(
    real_engine: Engine, folder_of: Folder, tmp_path: Path, layout: str, dtype: str
) -> None:
    import torch

    folder = folder_of("stable-diffusion")
    write: Callable[[list[Layer]], Tensors] = {
        "kohya": kohya,
        "original names": lambda chosen: kohya(chosen, original_names),
        "comfy": comfy,
        "peft": peft,
        "mixed": mixed_diffusers,
    }[layout]
    tensors = write(layers(folder, text=layout != "mixed"))
    stored = {name: tensor.to(getattr(torch, dtype)) for name, tensor in tensors.items()}
    plain = pixels_of(real_engine, job(LINE, tiny(folder)))
    results = []
    for index, content in enumerate((stored, {name: tensor.float() for name, tensor in stored.items()})):
        file = save(content, tmp_path / f"lora{index}.safetensors")
        results.append(pixels_of(real_engine, with_lora(LINE, folder, file)))
    assert (results[0] == results[1]).all() and (results[0] != plain).any()


@pytest.mark.parametrize("axis", ["outputs", "inputs"])
def test_dora(real_engine: Engine, folder_of: Folder, tmp_path: Path, axis: str) -> None:
    import torch

    folder = folder_of("stable-diffusion")
    chosen = []
    for layer in [each for each in layers(folder, text=False, conv=False) if "attn" in each.path]:
        rows, columns = layer.up.shape[0], layer.down.shape[1]
        shape = (rows, 1) if axis == "outputs" else (1, columns)
        chosen.append(replace(layer, magnitude=torch.rand(shape) + 0.5))
    check(real_engine, folder, tmp_path, save(kohya(chosen), tmp_path / "dora.safetensors"), chosen)


def test_a_lora_of_flux_in_three_layouts(real_engine: Engine, folder_of: Folder, tmp_path: Path) -> None:
    folder = folder_of("flux")
    chosen = [
        replace(each, alpha=None)
        for path in ("attn.to_q", "attn.to_out.0", "ff.net.2")
        for each in transformer_layers(folder, f"transformer_blocks.0.{path}")
    ]
    files = {"transformer": "transformer.", "bare": "", "wrapped": "transformer.base_model.model."}
    results = {
        name: pixels_of(
            real_engine, with_lora(LINE, folder, save(peft(chosen, prefix), tmp_path / f"{name}.safetensors"))
        )
        for name, prefix in files.items()
    }
    merged = pixels_of(real_engine, job(LINE, tiny(merged_folder(folder, tmp_path / "merged", chosen))))
    for result in results.values():
        assert np.abs(result - merged).max() <= 2
    assert np.abs(merged - pixels_of(real_engine, job(LINE, tiny(folder)))).max() > 2


def transformer_layers(folder: Path, module: str) -> list[Layer]:
    import torch

    torch.manual_seed(len(module))
    weight = dict(weights(folder))[f"transformer.{module}"]
    down, up = torch.randn(2, weight.shape[1]), torch.randn(weight.shape[0], 2)
    return [Layer(path=f"transformer.{module}", down=down, up=up)]


def test_layers_that_the_model_lacks_are_a_notice(real_engine: Engine, folder_of: Folder, tmp_path: Path) -> None:
    folder = folder_of("stable-diffusion")
    chosen = layers(folder)
    inner = [each for each in chosen if "mid_block" in each.path]
    paths = [each.path.replace("mid_block", "mid_block.7") for each in inner]
    extra = [
        replace(each, path=path, down=each.down.clone(), up=each.up.clone())
        for path, each in zip(paths, inner, strict=True)
    ]
    file = save(kohya([*chosen, *extra]), tmp_path / "lora.safetensors")
    events = Events()
    list(real_engine.generate(with_lora(LINE, folder, file), events.hooks()))
    (text,) = [event.text for event in events if isinstance(event, Notice)]
    assert f"lacks {len(extra)} of its {len(chosen) + len(extra)} layers, such as unet.mid_block.7" in text
    check(real_engine, folder, tmp_path, save(kohya(chosen), tmp_path / "whole.safetensors"), chosen)


def rejected(engine: Engine, made: Job) -> ModelError:
    with pytest.raises(ModelError) as caught:
        list(engine.generate(made, Events().hooks()))
    assert caught.value.field == "loras" and caught.value.hint
    return caught.value


def test_a_lora_without_any_matching_layer_is_rejected(real_engine: Engine, folder_of: Folder, tmp_path: Path) -> None:
    chosen = [replace(each, path=each.path.replace("blocks.", "blocks.7")) for each in layers(folder_of("sdxl"))]
    unet = of_component([each for each in chosen if "blocks.7" in each.path], "unet")
    file = save(kohya(unet), tmp_path / "lora.safetensors")
    error = rejected(real_engine, with_lora(LINE, folder_of("sdxl"), file))
    assert f"the model has none of its {len(unet)} layers, such as unet." in error.message


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (["lora_controlnet", "input_blocks.0.0.up"], "a Control-LoRA"),
        (["lllite_unet_input_blocks_4_1.lora_down.weight"], "a ControlNet-LLLite"),
        (["clip_l", "clip_g"], "a textual inversion embedding"),
        (["model.diffusion_model.out.2.weight"], "a model checkpoint"),
        (["lora_unet_mid_block_x.something"], "does not fit"),
    ],
)
def test_other_files_are_rejected_by_what_they_are(
    real_engine: Engine, folder_of: Folder, tmp_path: Path, names: list[str], label: str
) -> None:
    import torch

    file = save({name: torch.zeros(2, 2) for name in names}, tmp_path / "other.safetensors")
    assert label in rejected(real_engine, with_lora(LINE, folder_of("stable-diffusion"), file)).message
