"""Control images: images with ControlNets equal the stock pipelines'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Loading, Planned
from invoke_cli.imaging.control_images import guide
from tests.families.builders import Folder
from tests.families.jobs import mask
from tests.inputs.control_models import LINE, composite_inpainted, enter, stock
from tests.sample_images import drawing, square
from tests.session_harness import SessionHarness, pixels
from tests.tiny_controls import build_controlnet


def test_one_control_image_equals_stock_and_leaves_no_state(
    control_session: SessionHarness, tiny_model: Path, networks: Path
) -> None:
    (plain,) = control_session.draw(LINE)
    (result,) = control_session.draw(f"{LINE} --control canny:square.png:0.8")
    edges = guide(square(), "canny")
    expected = stock(
        tiny_model, [networks / "canny"], "StableDiffusionControlNetPipeline", image=edges,
        controlnet_conditioning_scale=0.8,
    )  # fmt: skip
    assert pixels(result) == expected != pixels(plain)
    assert "--control canny:square.png:0.8" in control_session.saved[0].line
    assert "guided by square.png (canny 0.8)" in control_session.of(Planned)[0].text
    (after,) = control_session.draw(LINE)
    assert pixels(after) == pixels(plain) and not control_session.of(Loading)


@pytest.mark.feature("control")
def test_two_control_images_equal_stock(control_session: SessionHarness, tiny_model: Path, networks: Path) -> None:
    (result,) = control_session.draw(f"{LINE} --control edges:square.png:.5 --control depth:depth.png")
    expected = stock(
        tiny_model, [networks / "canny", networks / "depth"], "StableDiffusionControlNetPipeline",
        image=[square(), drawing(64, 64)], controlnet_conditioning_scale=[0.5, 1.0],
    )  # fmt: skip
    assert pixels(result) == expected, "with a model's name the image is used unchanged"


@pytest.mark.feature("control")
def test_a_control_image_with_an_init_image_equals_stock(
    control_session: SessionHarness, tiny_model: Path, networks: Path
) -> None:
    (result,) = control_session.draw(f"{LINE} -I init.png -f .7 --control depth:depth.png")
    expected = stock(
        tiny_model, [networks / "depth"], "StableDiffusionControlNetImg2ImgPipeline", image=drawing(64, 64).rotate(90),
        control_image=drawing(64, 64), strength=0.7,
    )  # fmt: skip
    assert pixels(result) == expected


@pytest.mark.feature("control")
@pytest.mark.parametrize("kind", ["ordinary", "special"])
def test_a_control_image_with_a_mask_equals_stock(
    control_session: SessionHarness, tiny_model: Path, tiny_inpainting_model: Path, networks: Path, kind: str
) -> None:
    model = tiny_model if kind == "ordinary" else tiny_inpainting_model
    line = f"{LINE} -I init.png -M mask.png --mask_blur 0 -W 64 -H 64 -f .7 --control depth:depth.png -m {model}"
    (result,) = control_session.draw(line)
    init = drawing(64, 64).rotate(90)
    expected = stock(
        model, [networks / "depth"], "StableDiffusionControlNetInpaintPipeline", image=init, mask_image=mask(),
        control_image=drawing(64, 64), strength=0.7, width=64, height=64,
    )  # fmt: skip
    assert pixels(result) == composite_inpainted(init, expected)


@pytest.mark.parametrize("task", ["prompt", "image", "mask"])
def test_control_images_with_sdxl_equal_stock(
    control_session: SessionHarness, folder_of: Folder, task: str, tmp_path: Path
) -> None:
    model = folder_of("sdxl")
    network = build_controlnet(tmp_path / "xl", model, 3)
    enter(control_session, wide=Path(f"{network}:depth"))
    words = {"prompt": "", "image": "-I init.png -f .7", "mask": "-I init.png -M mask.png --mask_blur 0 -f .7"}[task]
    (result,) = control_session.draw(f"{LINE} -W 64 -H 64 -m {model} --control depth:depth.png:.7 {words}")
    names = {"prompt": "Pipeline", "image": "Img2ImgPipeline", "mask": "InpaintPipeline"}
    init = drawing(64, 64).rotate(90)
    arguments: dict[str, Any] = {"controlnet_conditioning_scale": 0.7}
    if task == "prompt":
        arguments |= {"image": drawing(64, 64), "width": 64, "height": 64}
    else:
        arguments |= {"image": init, "control_image": drawing(64, 64), "strength": 0.7}
    if task == "mask":
        arguments |= {"mask_image": mask(), "width": 64, "height": 64}
    expected = stock(model, [network], f"StableDiffusionXLControlNet{names[task]}", **arguments)
    assert pixels(result) == (composite_inpainted(init, expected) if task == "mask" else expected)


@pytest.mark.feature("control-size")
def test_the_control_image_is_aligned_with_the_init_image(
    control_session: SessionHarness, tiny_model: Path, networks: Path
) -> None:
    wide = drawing(128, 64)
    wide.save("wide.png")
    (result,) = control_session.draw(f"{LINE} -I init.png -f .7 --control depth:wide.png")
    expected = stock(
        tiny_model, [networks / "depth"], "StableDiffusionControlNetImg2ImgPipeline", image=drawing(64, 64).rotate(90),
        control_image=wide.crop((32, 0, 96, 64)), strength=0.7,
    )  # fmt: skip
    assert pixels(result) == expected, "a wider image is cropped to its middle"
    drawing(160, 160).save("large.png")
    hole = Image.new("L", (160, 160))
    hole.paste(255, (100, 100, 132, 132))
    hole.save("hole.png")
    (painted,) = control_session.draw(f"{LINE} -I large.png -M hole.png -f .7 --control depth:large.png")
    assert control_session.run(f"!verify {painted}") is Outcome.OK, control_session.messages


def test_a_single_file_control_model_equals_its_folder(
    control_session: SessionHarness, networks: Path, tmp_path: Path
) -> None:
    file = tmp_path / "control_canny.safetensors"
    file.write_bytes((networks / "canny" / "diffusion_pytorch_model.safetensors").read_bytes())
    (folder,) = control_session.draw(f"{LINE} --control edges:depth.png")
    assert control_session.run(f"!import_model {file}") is Outcome.OK, control_session.errors
    assert "control_canny: ControlNet for models with a text width of 32" in control_session.notices[-1]
    (single,) = control_session.draw(f"{LINE} --control control_canny:depth.png")
    assert pixels(single) == pixels(folder)
