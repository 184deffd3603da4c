"""Single files: detected by their tensors, loaded offline, with the same images as their folder."""

from __future__ import annotations

import shutil
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from invoke_cli.engine import Engine, EngineSettings, Model
from invoke_cli.engine.devices import choose_device
from invoke_cli.engine.loading.load import load_model
from invoke_cli.errors import ModelError
from invoke_cli.models.files.single_file import LAYOUTS, kind_of, read_file_facts
from invoke_cli.models.files.weights_header import read_header
from invoke_cli.models.registry import ModelSpec
from tests.families.builders import Folder
from tests.families.diffusion_transformers import flux_of_full_width
from tests.families.exporting import export, export_flux
from tests.families.jobs import SIDE, first_image, job, tiny


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every network connection an error."""

    def refuse(*arguments: Any, **named: Any) -> Any:
        raise AssertionError("a network connection was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def without_weights(folder: Path, copy: Path) -> Path:
    """Copy a folder's configs and tokenizers."""
    return shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*.safetensors"))


def model_of(file: Path, base: Path) -> Model:
    facts = read_file_facts(file, file.stem, SIDE, base)
    return Model(spec=ModelSpec(name=file.stem, path=str(file), base=str(base)), facts=facts)


@pytest.mark.feature("family-detected")
@pytest.mark.parametrize(
    ("name", "kind"),
    [("stable-diffusion", "sd1"), ("sdxl", "sdxl"), ("sdxl-refiner", "sdxl-refiner"),
     ("sdxl-inpainting", "sdxl-inpainting"), ("pix2pix", "sd1-pix2pix")],
)  # fmt: skip
def test_the_kind_of_a_file_is_detected_by_its_tensors(folder_of: Folder, tmp_path: Path, name: str, kind: str) -> None:
    header = read_header(export(folder_of(name), tmp_path / "model.safetensors"))
    assert header is not None and kind_of(header) == kind
    assert (LAYOUTS / kind).is_dir()


def halved(folder: Path, copy: Path) -> Path:
    """Copy a folder with its weights in float16, as most checkpoints are published."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, copy)
    for path in copy.rglob("*.safetensors"):
        save_file({key: value.half() for key, value in load_file(path).items()}, path, metadata={"format": "pt"})
    return copy


@pytest.mark.feature("model-sources")
@pytest.mark.parametrize(
    ("name", "half"), [("stable-diffusion", False), ("stable-diffusion", True), ("sdxl", False), ("sdxl", True)]
)
def test_a_file_gives_the_image_of_its_folder(
    real_engine: Engine, folder_of: Folder, tmp_path: Path, no_network: None, name: str, half: bool
) -> None:
    folder = halved(folder_of(name), tmp_path / "half") if half else folder_of(name)
    file = export(folder, tmp_path / "model.safetensors")
    single = model_of(file, without_weights(folder, tmp_path / "base"))
    assert single.facts.family == tiny(folder).facts.family and single.facts.single_file
    line = "a cat -s 4 -S 42"
    result, expected = (
        np.asarray(first_image(real_engine, job(line, model)), np.int16) for model in (single, tiny(folder))
    )
    # Weights that need no conversion stay memory-mapped, and a product of one row (the projection of SDXL's pooled
    # prompt) is summed in an order that depends on their alignment: the next test aligns them alike.
    allowed = 1 if name == "sdxl" and not half else 0
    assert np.abs(result - expected).max() <= allowed and (result != expected).mean() < 0.001


def test_a_file_of_float32_differs_only_by_the_alignment_of_its_weights(folder_of: Folder, tmp_path: Path) -> None:
    import torch

    folder = folder_of("sdxl")
    single = model_of(export(folder, tmp_path / "model.safetensors"), without_weights(folder, tmp_path / "base"))
    device = choose_device(EngineSettings(device="cpu"))
    pipelines = [load_model(model, device, {}).pipeline for model in (single, tiny(folder))]
    for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
        ones, others = (getattr(pipeline, part).state_dict() for pipeline in pipelines)
        assert ones.keys() == others.keys() and all(torch.equal(ones[key], others[key]) for key in others)
    pooled = []
    for pipeline in pipelines:
        for weights in pipeline.text_encoder_2.parameters():
            weights.data = weights.data.clone()
        pooled.append(pipeline.encode_prompt("a cat", device="cpu", do_classifier_free_guidance=False)[2])
    assert torch.equal(*pooled)


@pytest.mark.slow
def test_a_flux_file_takes_other_components_from_its_base(
    real_engine: Engine, tmp_path: Path, no_network: None
) -> None:
    folder = tmp_path / "folder"
    flux_of_full_width().save_pretrained(folder, max_shard_size="20GB")
    file = export_flux(folder, tmp_path / "flux.safetensors")
    header = read_header(file)
    assert header is not None and kind_of(header) == "transformer"
    base = shutil.copytree(folder, tmp_path / "base")
    next((base / "transformer").glob("*.safetensors")).unlink()
    line = "a cat -s 2 -S 42"
    result = first_image(real_engine, job(line, model_of(file, base)))
    assert result.tobytes() == first_image(real_engine, job(line, tiny(folder))).tobytes()


def test_a_flux_file_without_a_base_is_an_error(folder_of: Folder, tmp_path: Path) -> None:
    file = export_flux(folder_of("flux"), tmp_path / "flux.safetensors")
    with pytest.raises(ModelError) as caught:
        read_file_facts(file, "flux")
    assert "only the transformer" in caught.value.message and "base: FOLDER" in caught.value.hint


@pytest.mark.parametrize("damage", ["missing", "cut", "garbled", "pickle", "lora", "wrong-shapes"])
def test_a_bad_file_is_an_error_of_one_line_with_a_hint(
    real_engine: Engine, folder_of: Folder, tmp_path: Path, damage: str
) -> None:
    file = tmp_path / ("model.ckpt" if damage == "pickle" else "model.safetensors")
    if damage != "missing":
        export(folder_of("stable-diffusion"), file)
    if damage in ("cut", "garbled"):
        file.write_bytes(file.read_bytes()[:5000] if damage == "cut" else b"{}" * 50)
    if damage == "lora":
        from safetensors.torch import save_file
        from torch import zeros

        save_file({"lora_unet_down.lora_up.weight": zeros(2, 2)}, file)
    message = {"missing": "missing", "cut": "is incomplete", "garbled": "is incomplete", "pickle": "can run code",
            "lora": "contains no supported model", "wrong-shapes": "cannot be loaded"}[damage]  # fmt: skip
    with pytest.raises(ModelError) as caught:
        facts = read_file_facts(file, "model")
        model = Model(spec=ModelSpec(name="model", path=str(file)), facts=replace(facts, size=SIDE))
        first_image(real_engine, job("a cat", model))
    assert message in caught.value.message and caught.value.hint
    assert "\n" not in caught.value.message


def test_shipped_layouts_have_all_configs() -> None:
    from invoke_cli.models.families.table import family_of
    from invoke_cli.models.files.folder import components_of, read_configs, read_json

    for layout in sorted(LAYOUTS.iterdir()):
        index = read_json(layout / "model_index.json", "")
        configs = read_configs(layout, components_of(index), "")
        assert family_of(index, configs).can_generate and {"unet", "vae", "scheduler"} <= set(configs)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a photo of a cat", [49406, 320, 1125, 539, 320, 2368, 49407]),
        ("Hello   World!", [49406, 3306, 1002, 256, 49407]),
    ],
)
def test_the_shipped_tokenizer_is_clip_s(text: str, ids: list[int]) -> None:
    from invoke_cli.engine.loading.single_file import clip_tokenizer

    assert clip_tokenizer()(text).input_ids == ids
