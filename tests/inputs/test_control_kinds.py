"""Control models of further kinds, ControlNet Union and Control-LoRA: their images equal the stock pipelines'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.imaging.control_images import guide
from tests.families.builders import Folder
from tests.families.jobs import mask
from tests.inputs.control_models import LINE, composite_inpainted
from tests.sample_images import drawing, square
from tests.session_harness import SessionHarness, pixels
from tests.tiny_controls import build_control_lora, build_union

TASKS = {"prompt": "", "image": "-I init.png -f .7", "mask": "-I init.png -M mask.png --mask_blur 0 -f .7"}


@pytest.fixture(scope="session")
def union(folder_of: Folder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ControlNet Union with six modes for the tiny SDXL."""
    return build_union(tmp_path_factory.mktemp("union") / "union-sdxl", folder_of("sdxl"), 3)


def stock(pipeline: str, model: Path, network: Any, *, weights: Sequence[float], **arguments: Any) -> bytes:
    """Return the image that a stock pipeline generates with the model and the network."""
    import diffusers
    import torch

    result = getattr(diffusers, pipeline).from_pretrained(
        model, controlnet=network, torch_dtype=torch.float32, local_files_only=True
    )
    result.scheduler = diffusers.DDIMScheduler.from_config(
        result.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    result.set_progress_bar_config(disable=True)
    arguments |= {"num_inference_steps": 3, "guidance_scale": 5.0, "controlnet_conditioning_scale": weights}
    return bytes(result("a cat", generator=torch.Generator().manual_seed(5), **arguments).images[0].tobytes())


def stock_union(task: str, model: Path, union: Path, images: Mapping[int, Image.Image], weights: Any) -> bytes:
    """Return the image that the pipelines of ControlNet Union generate."""
    import diffusers

    names = {"prompt": "Pipeline", "image": "Img2ImgPipeline", "mask": "InpaintPipeline"}
    arguments: dict[str, Any] = {"control_image": list(images.values()), "control_mode": list(images)}
    init = drawing(64, 64).rotate(90)
    if task != "prompt":
        arguments |= {"image": init, "strength": 0.7}
    if task == "mask":
        arguments |= {"mask_image": mask()}
    if task != "image":
        arguments |= {"width": 64, "height": 64}
    network = diffusers.ControlNetUnionModel.from_pretrained(union, local_files_only=True)
    painted = stock(f"StableDiffusionXLControlNetUnion{names[task]}", model, network, weights=weights, **arguments)
    return composite_inpainted(init, painted) if task == "mask" else painted


@pytest.mark.feature("control-kinds")
@pytest.mark.parametrize("task", list(TASKS))
def test_a_union_equals_stock(control_session: SessionHarness, folder_of: Folder, union: Path, task: str) -> None:
    model = folder_of("sdxl")
    assert control_session.run(f"!import_model {union}") is Outcome.OK, control_session.errors
    assert "union-sdxl: ControlNet Union" in control_session.notices[-1] and "normal" in control_session.notices[-1]
    line = f"{LINE} -W 64 -H 64 -m {model} {TASKS[task]}"
    (plain,) = control_session.draw(line)
    (result,) = control_session.draw(f"{line} --control normal:square.png:.7")
    assert pixels(result) == stock_union(task, model, union, {4: square()}, [0.7]) != pixels(plain)
    assert control_session.run(f"!verify {result}") is Outcome.OK, control_session.errors


def test_a_union_runs_once_for_several_kinds(control_session: SessionHarness, folder_of: Folder, union: Path) -> None:
    model = folder_of("sdxl")
    control_session.run(f"!import_model {union}")
    line = f"{LINE} -W 64 -H 64 -m {model} --control depth:depth.png:.5 --control canny:square.png"
    (result,) = control_session.draw(line)
    images = {1: drawing(64, 64), 3: guide(square(), "canny")}
    assert pixels(result) == stock_union("prompt", model, union, images, [0.5, 1.0])


def test_a_union_in_a_file_equals_its_folder(
    control_session: SessionHarness, folder_of: Folder, union: Path, tmp_path: Path
) -> None:
    file = tmp_path / "xinsir_promax.safetensors"
    file.write_bytes((union / "diffusion_pytorch_model.safetensors").read_bytes())
    assert control_session.run(f"!import_model {file}") is Outcome.OK, control_session.errors
    model = folder_of("sdxl")
    (result,) = control_session.draw(f"{LINE} -W 64 -H 64 -m {model} --control seg:depth.png")
    assert pixels(result) == stock_union("prompt", model, union, {5: drawing(64, 64)}, [1.0])


def test_what_a_union_cannot_do_is_said(
    control_session: SessionHarness, folder_of: Folder, union: Path, networks: Path, tmp_path: Path
) -> None:
    control_session.run(f"!import_model {union} union")
    line = f"{LINE} -W 64 -H 64 -m {folder_of('sdxl')}"
    assert control_session.run(f"{line} --control union:depth.png") is Outcome.FAILED
    assert "write the kind of the control image instead of union" in control_session.errors[0]
    assert control_session.run(f"{line} --control tile:depth.png") is Outcome.FAILED
    assert control_session.run(f"{LINE} --control normal:depth.png") is Outcome.FAILED
    assert "does not support with Stable Diffusion 1.x models" in control_session.errors[0]
    assert control_session.run(f"{line} --control seg:depth.png --control edges:depth.png") is Outcome.FAILED
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes((union / "diffusion_pytorch_model.safetensors").read_bytes()[:2000])
    assert control_session.run(f"!import_model {broken}") is Outcome.FAILED and "broken" in control_session.errors[0]


@pytest.fixture(scope="session")
def deep_sdxl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny SDXL with two layers in a block, as the real one has."""
    import torch

    from tests.families import unets

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("deep") / "xl"
    unets.sdxl(layers_per_block=2).save_pretrained(folder)
    return folder


def test_a_control_lora_equals_stock(control_session: SessionHarness, deep_sdxl: Path, tmp_path: Path) -> None:
    import diffusers
    from safetensors.torch import load_file

    file = build_control_lora(tmp_path / "control-lora-canny.safetensors", deep_sdxl, 4)
    assert control_session.run(f"!import_model {file}") is Outcome.OK, control_session.errors
    assert "control-lora-canny: Control-LoRA" in control_session.notices[-1]
    line = f"{LINE} -W 64 -H 64 -m {deep_sdxl}"
    (plain,) = control_session.draw(line)
    (result,) = control_session.draw(f"{line} --control canny:square.png:.8")
    unet = diffusers.UNet2DConditionModel.from_pretrained(deep_sdxl / "unet", local_files_only=True)
    network = diffusers.ControlNetModel.from_unet(unet)
    network.load_lora_adapter(load_file(file), prefix=None)
    arguments = {"image": guide(square(), "canny"), "width": 64, "height": 64}
    expected = stock("StableDiffusionXLControlNetPipeline", deep_sdxl, network, weights=0.8, **arguments)  # type: ignore[arg-type]
    assert max(abs(a - b) for a, b in zip(pixels(result), expected, strict=True)) <= 1
    assert max(abs(a - b) for a, b in zip(pixels(result), pixels(plain), strict=True)) > 8
    assert control_session.run(f"!verify {result}") is Outcome.OK, control_session.errors


def test_an_incomplete_control_lora_is_an_error(
    control_session: SessionHarness, deep_sdxl: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    file = build_control_lora(tmp_path / "control-lora-depth.safetensors", deep_sdxl, 4)
    tensors = load_file(file)
    del tensors["zero_convs.1.0.weight"]
    save_file(tensors, file)
    control_session.run(f"!import_model {file} lacking control=normal")
    line = f"{LINE} -W 64 -H 64 -m {deep_sdxl} --control normal:square.png"
    assert control_session.run(line) is Outcome.FAILED
    assert "controlnet_down_blocks.1.weight" in control_session.errors[0]
    tensors["zero_convs.1.0.weight"] = tensors["zero_convs.0.0.weight"].clone()
    narrow = tensors | {"middle_block.0.in_layers.2.up": tensors["middle_block.0.in_layers.2.up"][:3].clone()}
    save_file(narrow, file)
    assert control_session.run(line) is Outcome.FAILED
    assert "Control-LoRA lacking" in control_session.errors[0], control_session.errors
    save_file(tensors | {"input_blocks.0.0.up": tensors["input_blocks.0.0.up"][:3].clone()}, file)
    assert control_session.run(line) is Outcome.FAILED
    assert "it is for UNets with 3 channels" in control_session.errors[0], control_session.errors
