"""LoRAs of transformer models in the layouts of their trainers change the weights that they name, by up @ down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from invoke_cli.engine import EngineSettings
from invoke_cli.engine.conditioning.lora_file import load_lora
from invoke_cli.engine.devices import choose_device
from invoke_cli.engine.loading.load import load_model
from invoke_cli.planning.plan import LoraUse
from tests.families.builders import Folder
from tests.families.jobs import tiny
from tests.families.test_lora_formats import Tensors, save, weights

FAMILIES = ("flux", "flux-2", "qwen-image", "sana", "stable-diffusion-3", "z-image")
LAYOUTS = ("transformer.", "diffusion_model.", "", "base_model.model.", "lora_unet", "lora_transformer")


def changes(folder: Path, tensors: Tensors, file: Path, paths: list[str]) -> list[Any]:
    """Load a LoRA for a model and return the change of the weights of each layer."""
    loaded = load_model(tiny(folder), choose_device(EngineSettings(device="cpu")), {})
    notices: list[str] = []
    use = LoraUse(name="lora", weight=1.0, path=str(save(tensors, file)), sha256="0" * 64)
    load_lora(loaded, use, "it", notices.append)
    assert not notices
    return [loaded.denoiser.get_submodule(path).get_delta_weight("it") for path in paths]


def matrices(folder: Path, path: str, rows: int = 0) -> tuple[Any, Any]:
    import torch

    torch.manual_seed(len(path))
    weight = dict(weights(folder))[f"transformer.{path}"]
    return torch.randn(2, weight.shape[1]), torch.randn(rows or weight.shape[0], 2)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_layer_in_each_layout(folder_of: Folder, tmp_path: Path, family: str, layout: str) -> None:
    import torch

    folder = folder_of(family)
    names = [path.partition(".")[2] for path, _ in weights(folder) if path.startswith("transformer.")]
    path = next(name for name in names if name.endswith("to_q"))
    down, up = matrices(folder, path)
    expected = up @ down
    if layout.startswith("lora_"):
        name = f"{layout}_{path.replace('.', '_')}"
        tensors = {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up, f"{name}.alpha": torch.tensor(1.0)}
        expected = expected / 2
    else:
        tensors = {f"{layout}{path}.lora_A.weight": down, f"{layout}{path}.lora_B.weight": up}
    (change,) = changes(folder, tensors, tmp_path / "lora.safetensors", [path])
    assert torch.allclose(change, expected, atol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", pytest.param("float8_e4m3fn", marks=pytest.mark.slow)])
@pytest.mark.parametrize("layout", ["transformer.", "diffusion_model."])
@pytest.mark.parametrize("family", FAMILIES)
def test_files_of_few_bits(folder_of: Folder, tmp_path: Path, family: str, layout: str, dtype: str) -> None:
    import torch

    folder = folder_of(family)
    names = [path.partition(".")[2] for path, _ in weights(folder) if path.startswith("transformer.")]
    path = next(name for name in names if name.endswith("to_q"))
    down, up = (matrix.to(getattr(torch, dtype)) for matrix in matrices(folder, path))
    tensors = {f"{layout}{path}.lora_A.weight": down, f"{layout}{path}.lora_B.weight": up}
    (change,) = changes(folder, tensors, tmp_path / "lora.safetensors", [path])
    assert torch.allclose(change, up.float() @ down.float(), atol=1e-5)


@pytest.mark.parametrize("layout", ["kohya", "original", "xlabs"])
def test_flux_in_the_names_of_its_original_layers(folder_of: Folder, tmp_path: Path, layout: str) -> None:
    import torch

    folder = folder_of("flux")
    paths = ["transformer_blocks.0.attn.to_out.0", "transformer_blocks.0.attn.to_q"]
    (down, up), side = matrices(folder, paths[0]), len(matrices(folder, paths[1])[1])
    joined_down, joined_up = matrices(folder, paths[1], rows=3 * side)
    layer = {
        "kohya": ("lora_unet_double_blocks_0_img_attn_{}.lora_", ("proj", "qkv"), ("down", "up")),
        "original": ("diffusion_model.double_blocks.0.img_attn.{}.lora_", ("proj", "qkv"), ("A", "B")),
        "xlabs": ("double_blocks.0.processor.{}_lora1.", ("proj", "qkv"), ("down", "up")),
    }[layout]
    tensors: Tensors = {}
    for name, pair in zip(layer[1], ((down, up), (joined_down, joined_up)), strict=True):
        tensors |= {f"{layer[0].format(name)}{side}.weight": value for side, value in zip(layer[2], pair, strict=True)}
    found = changes(folder, tensors, tmp_path / "lora.safetensors", paths)
    for change, expected in zip(found, (up @ down, joined_up[:side] @ joined_down), strict=True):
        assert torch.allclose(change, expected, atol=1e-4)
