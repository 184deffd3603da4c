"""Control images (features.md I.3, Q7): what ControlNets make of them are the stock pipelines' own pictures."""

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
from tests.inputs.control_models import LINE, enter, put_back, stock
from tests.sample_images import drawing, square
from tests.session_harness import SessionHarness, pixels
from tests.tiny_controls import build_controlnet


def test_i3_a_control_image_alone_equals_stock_and_leaves_no_trace(
    studio: SessionHarness, tiny_model: Path, nets: Path
) -> None:
    (plain,) = studio.draw(LINE)
    (made,) = studio.draw(f"{LINE} --control canny:square.png:0.8")
    edges = guide(square(), "canny")
    theirs = stock(
        tiny_model, [nets / "canny"], "StableDiffusionControlNetPipeline", image=edges,
        controlnet_conditioning_scale=0.8,
    )  # fmt: skip
    assert pixels(made) == theirs != pixels(plain)
    assert "--control canny:square.png:0.8" in studio.saved[0].line
    assert "guided by square.png (canny 0.8)" in studio.of(Planned)[0].text
    (after,) = studio.draw(LINE)
    assert pixels(after) == pixels(plain) and not studio.of(Loading)


def test_i3_two_add_up(studio: SessionHarness, tiny_model: Path, nets: Path) -> None:
    (made,) = studio.draw(f"{LINE} --control edges:square.png:.5 --control depth:depth.png")
    theirs = stock(
        tiny_model, [nets / "canny", nets / "depth"], "StableDiffusionControlNetPipeline",
        image=[square(), drawing(64, 64)], controlnet_conditioning_scale=[0.5, 1.0],
    )  # fmt: skip
    assert pixels(made) == theirs, "a model's name takes the picture as it is"


def test_i3_with_an_init_image(studio: SessionHarness, tiny_model: Path, nets: Path) -> None:
    (made,) = studio.draw(f"{LINE} -I init.png -f .7 --control depth:depth.png")
    theirs = stock(
        tiny_model, [nets / "depth"], "StableDiffusionControlNetImg2ImgPipeline", image=drawing(64, 64).rotate(90),
        control_image=drawing(64, 64), strength=0.7,
    )  # fmt: skip
    assert pixels(made) == theirs


@pytest.mark.parametrize("kind", ["ordinary", "special"])
def test_i3_under_a_mask(
    studio: SessionHarness, tiny_model: Path, tiny_inpainting_model: Path, nets: Path, kind: str
) -> None:
    model = tiny_model if kind == "ordinary" else tiny_inpainting_model
    line = f"{LINE} -I init.png -M mask.png --mask_blur 0 -W 64 -H 64 -f .7 --control depth:depth.png -m {model}"
    (made,) = studio.draw(line)
    init = drawing(64, 64).rotate(90)
    theirs = stock(
        model, [nets / "depth"], "StableDiffusionControlNetInpaintPipeline", image=init, mask_image=mask(),
        control_image=drawing(64, 64), strength=0.7, width=64, height=64,
    )  # fmt: skip
    assert pixels(made) == put_back(init, theirs)


@pytest.mark.parametrize("task", ["prompt", "image", "mask"])
def test_i3_sdxl_too(studio: SessionHarness, folder_of: Folder, task: str, tmp_path: Path) -> None:
    model = folder_of("sdxl")
    net = build_controlnet(tmp_path / "xl", model, 3)
    enter(studio, wide=Path(f"{net}:depth"))
    words = {"prompt": "", "image": "-I init.png -f .7", "mask": "-I init.png -M mask.png --mask_blur 0 -f .7"}[task]
    (made,) = studio.draw(f"{LINE} -W 64 -H 64 -m {model} --control depth:depth.png:.7 {words}")
    names = {"prompt": "Pipeline", "image": "Img2ImgPipeline", "mask": "InpaintPipeline"}
    init = drawing(64, 64).rotate(90)
    arguments: dict[str, Any] = {"controlnet_conditioning_scale": 0.7}
    if task == "prompt":
        arguments |= {"image": drawing(64, 64), "width": 64, "height": 64}
    else:
        arguments |= {"image": init, "control_image": drawing(64, 64), "strength": 0.7}
    if task == "mask":
        arguments |= {"mask_image": mask(), "width": 64, "height": 64}
    theirs = stock(model, [net], f"StableDiffusionXLControlNet{names[task]}", **arguments)
    assert pixels(made) == (put_back(init, theirs) if task == "mask" else theirs)


def test_the_picture_fits_where_the_init_image_lies(studio: SessionHarness, tiny_model: Path, nets: Path) -> None:
    wide = drawing(128, 64)
    wide.save("wide.png")
    (made,) = studio.draw(f"{LINE} -I init.png -f .7 --control depth:wide.png")
    theirs = stock(
        tiny_model, [nets / "depth"], "StableDiffusionControlNetImg2ImgPipeline", image=drawing(64, 64).rotate(90),
        control_image=wide.crop((32, 0, 96, 64)), strength=0.7,
    )  # fmt: skip
    assert pixels(made) == theirs, "the middle of a wider one"
    drawing(160, 160).save("large.png")
    hole = Image.new("L", (160, 160))
    hole.paste(255, (100, 100, 132, 132))
    hole.save("hole.png")
    (painted,) = studio.draw(f"{LINE} -I large.png -M hole.png -f .7 --control depth:large.png")
    assert studio.run(f"!verify {painted}") is Outcome.OK, studio.messages


def test_i3_a_single_file_is_a_control_model_too(studio: SessionHarness, nets: Path, tmp_path: Path) -> None:
    file = tmp_path / "control_canny.safetensors"
    file.write_bytes((nets / "canny" / "diffusion_pytorch_model.safetensors").read_bytes())
    (folder,) = studio.draw(f"{LINE} --control edges:depth.png")
    assert studio.run(f"!import_model {file}") is Outcome.OK, studio.errors
    assert "control_canny: ControlNet for models with a text width of 32" in studio.notices[-1]
    (single,) = studio.draw(f"{LINE} --control control_canny:depth.png")
    assert pixels(single) == pixels(folder)
