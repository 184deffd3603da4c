"""Samplers, families, the registry and model folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from invoke_cli.context.paths import PACKAGE
from invoke_cli.errors import ConfigError, ModelError, PlanError
from invoke_cli.models.families.family import Family
from invoke_cli.models.families.table import FAMILIES, family_of
from invoke_cli.models.files.folder import read_facts, restore_hint
from invoke_cli.models.registry import build_registry, read_models
from invoke_cli.models.samplers import SAMPLERS, WITHOUT_SCHEDULER, find_sampler, is_sampler, sampler_names
from invoke_cli.request import GenerationRequest

INVOKEAI_2 = "ddim k_dpm_2 k_dpm_2_a k_dpmpp_2 k_dpmpp_2_a k_euler k_euler_a k_heun k_lms plms pndm dpmpp_2"
INVOKEAI_6 = """ddim ddpm deis deis_k lms lms_k pndm heun heun_k euler euler_k euler_a kdpm_2 kdpm_2_k kdpm_2_a
    kdpm_2_a_k dpmpp_2s dpmpp_2s_k dpmpp_2m dpmpp_2m_k dpmpp_2m_sde dpmpp_2m_sde_k dpmpp_3m dpmpp_3m_k dpmpp_sde
    dpmpp_sde_k unipc unipc_k lcm tcd"""
A1111 = ["Euler a", "Euler", "LMS", "Heun", "DPM2", "DPM2 a", "DPM++ 2S a", "DPM++ 2M", "DPM++ SDE", "DPM++ 2M SDE",
         "DPM++ 2M SDE Heun", "DPM++ 3M SDE", "LMS Karras", "DPM2 Karras", "DPM2 a Karras", "DPM++ 2S a Karras",
         "DPM++ 2M Karras", "DPM++ SDE Karras", "DPM++ 2M SDE Karras", "DPM++ 3M SDE Karras",
         "DPM++ 2M SDE Exponential", "DDIM", "PLMS", "UniPC", "LCM", "Euler + Karras"]  # fmt: skip


@pytest.mark.feature("sampler")
@pytest.mark.parametrize("name", [*INVOKEAI_2.split(), *INVOKEAI_6.split(), *A1111, *sampler_names()])
def test_sampler_names_of_all_programs_are_known(name: str) -> None:
    assert find_sampler(name).scheduler.endswith("Scheduler")
    assert find_sampler(find_sampler(name).name) == find_sampler(name)


@pytest.mark.feature("sampler")
@pytest.mark.parametrize(
    ("name", "near"), [("k_eular", "k_euler"), ("DPM adaptive", "k_dpmpp_2"), ("dpmpp_2n", "dpmpp_2m")]
)
def test_the_error_of_an_unknown_sampler_names_the_nearest(name: str, near: str) -> None:
    with pytest.raises(PlanError) as caught:
        find_sampler(name)
    assert near in caught.value.hint
    assert caught.value.field == "scheduler"


def test_sampler_rows_do_not_overlap() -> None:
    names = [name for row in SAMPLERS for name in (row.name, row.karras, *row.aliases) if name]
    assert len(names) == len(set(names))
    assert all(is_sampler(near) for near in WITHOUT_SCHEDULER.values())


def matching_configs(family: Family) -> tuple[dict[str, object], dict[str, dict[str, object]]]:
    """Return a model_index.json and configs that match a family and no other."""
    configs: dict[str, dict[str, object]] = {}
    for mark, value in family.match_config.items():
        part, _, key = mark.partition(".")
        configs.setdefault(part, {})[key] = value
    return configs.pop("index", {}), configs


@pytest.mark.feature("family-detected")
def test_families_are_detected_by_their_pipeline_and_configs() -> None:
    for family in FAMILIES:
        index, configs = matching_configs(family)
        assert all(family_of({**index, "_class_name": name}, configs) is family for name in family.pipelines)
    with pytest.raises(ModelError) as caught:
        family_of({"_class_name": "UnheardOfPipeline"}, {})
    assert FAMILIES[0].label in caught.value.hint


GOOD = """
first:
  description: one
  path: "{package}/one"
  size: 256
  defaults: -s 12 -C 5 --neg "blurry, dark"
  preview: [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [0.5, 0.5, 0.5]]
second:
  path: two
  default: true
"""


def test_the_registry_reads_entries_and_merges_files() -> None:
    registry = build_registry([("a.yaml", GOOD), ("b.yaml", "first:\n  path: mine\n")])
    assert registry.default == "second"
    assert registry.find("first").path == "mine"
    entry = read_models(GOOD, "a.yaml")[0]
    expected = GenerationRequest(num_inference_steps=12, guidance_scale=5, negative_prompt="blurry, dark")
    assert entry.defaults == expected
    assert entry.size == 256 and entry.preview is not None and len(entry.preview) == 5
    assert registry.find("sec").name == "second"
    with pytest.raises(ModelError) as caught:
        registry.find("secnod")
    assert "second" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("a:\n  path: x\n  pth: y\n", 3, "path"),
        ("a:\n  path: x\n  size: big\n", 3, "size"),
        ("a:\n  path: x\n  defaults: -s 0\n", 3, "-s"),
        ("a:\n  path: x\n  preview: [1, 2]\n", 3, "preview"),
        ("a:\n  path: x\n  format: tar\n", 3, "format"),
        ("a:\n  path: [\n", 3, ""),
        ("a:\n  description: x\n", 1, "path"),
        ("\n\na: 5\n", 3, "a"),
        ("# mine\n- a\n- b\n", 2, "list"),
        ("just words\n", 1, "a text"),
        ("a:\n  path: x\n  default: true\nb:\n  path: y\n  default: true\n", 6, "b and a are both the default"),
        ("a:\n  path: x\n  prediction: v\n", 3, "epsilon or v_prediction"),
    ],
)
def test_registry_errors_name_the_line(text: str, line: int, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_models(text, "models.yaml")
    assert f"models.yaml, line {line}" in caught.value.message
    assert part in caught.value.message


def test_facts_are_read_from_a_model_folder(tiny_model: Path) -> None:
    facts = read_facts(tiny_model, "tiny")
    assert facts.family.name == "stable-diffusion"
    assert facts.size == 64
    assert facts.scheduler == "PNDMScheduler" and facts.prediction_type == "epsilon"
    assert facts.size_on_disk > 100_000


@pytest.mark.feature("model-checked")
@pytest.mark.parametrize(
    ("broken", "damage"),
    [
        ("model_index.json", "missing"),
        ("unet/config.json", "missing"),
        ("vae/diffusion_pytorch_model.safetensors", "missing"),
        ("text_encoder/model.safetensors", "missing"),
        ("unet/diffusion_pytorch_model.safetensors", "cut"),
        ("text_encoder/model.safetensors", "cut"),
        ("vae/config.json", "garbled"),
    ],
)
def test_the_error_of_a_damaged_model_names_the_file_and_the_remedy(
    tiny_model: Path, tmp_path: Path, broken: str, damage: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    path = folder / broken
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:1000] if damage == "cut" else b"{")
    with pytest.raises(ModelError) as caught:
        read_facts(folder, "tiny")
    assert str(path) in caught.value.message
    assert "tiny" in caught.value.hint


def test_the_hint_for_the_bundled_model_is_to_reinstall() -> None:
    assert "reinstall invoke-cli" in restore_hint(PACKAGE / "assets" / "sketchbook", "sketchbook")
    assert "install" not in restore_hint(Path("sketchbook"), "sketchbook")


def test_unknown_numbers_of_input_channels_are_rejected(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "unet" / "config.json").read_text())
    (folder / "unet" / "config.json").write_text(json.dumps({**config, "in_channels": 8}))
    with pytest.raises(ModelError, match="8 input channels"):
        read_facts(folder, "inpainting")
