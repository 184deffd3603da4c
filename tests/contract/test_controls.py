"""Control images (features.md I.3, Q7): the stock pipelines' own pictures, recorded, or a sentence on what is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from invoke_cli.events import Failed, Loading, Planned
from invoke_cli.imaging.guides import guide
from invoke_cli.imaging.pasting import pasted
from invoke_cli.workshop.outcome import Outcome
from tests.conftest import drawing
from tests.families.conftest import Folder, folder_of
from tests.house import House, pixels
from tests.tiny import build_tiny_model
from tests.tiny_controls import build_controlnet, build_ip_adapter, build_t2i_adapter

__all__ = ["folder_of"]
LINE = "a cat -s3 -C5 -A ddim -S 5"


@pytest.fixture(scope="module")
def nets(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ControlNet for canny and one for depth."""
    folder = tmp_path_factory.mktemp("nets")
    build_controlnet(folder / "canny", tiny_model, 1)
    build_controlnet(folder / "depth", tiny_model, 2)
    return folder


@pytest.fixture
def studio(real_house: House, nets: Path) -> House:
    """A session with both, and the pictures square.png, depth.png, init.png and mask.png."""
    enter(real_house, edges=nets / "canny:canny", deep=nets / "depth:depth")
    square().save("square.png")
    drawing(64, 64).save("depth.png")
    drawing(64, 64).rotate(90).save("init.png")
    mask().save("mask.png")
    return real_house


def enter(house: House, **entries: Path) -> None:
    """Enter control models; the kind stands behind the path."""
    with (house.folder / "root/configs/models.yaml").open("a") as file:
        for name, entry in entries.items():
            path, _, kind = str(entry).rpartition(":")
            file.write(f"{name}:\n  path: {path}\n  control: {kind}\n")


def square() -> Image.Image:
    """A white square on black, from 16 to 47."""
    image = Image.new("RGB", (64, 64))
    ImageDraw.Draw(image).rectangle((16, 16, 47, 47), fill="white")
    return image


def mask() -> Image.Image:
    image = Image.new("L", (64, 64))
    ImageDraw.Draw(image).rectangle((16, 16, 47, 47), fill="white")
    return image


def put_back(init: Image.Image, painted: bytes) -> bytes:
    """A painted picture in the place of the mask, as every painted one is put back."""
    return pasted(init, Image.frombytes("RGB", (64, 64), painted), np.asarray(mask())).tobytes()


def stock(model: Path, nets: Sequence[Path], pipeline: str, **arguments: Any) -> bytes:
    """What diffusers makes of the model and the ControlNets by itself."""
    import diffusers
    import torch

    networks = [diffusers.ControlNetModel.from_pretrained(net, local_files_only=True) for net in nets]
    made = getattr(diffusers, pipeline).from_pretrained(
        model, controlnet=networks[0] if len(networks) == 1 else networks, dtype=torch.float32, local_files_only=True
    )
    made.scheduler = diffusers.DDIMScheduler.from_config(
        made.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    made.set_progress_bar_config(disable=True)
    arguments = {"controlnet_conditioning_scale": 1.0, **arguments}
    generator = torch.Generator("cpu").manual_seed(5)
    image = made("a cat", num_inference_steps=3, guidance_scale=5.0, generator=generator, **arguments).images[0]
    return bytes(image.tobytes())


def test_i3_a_control_image_alone_equals_stock_and_leaves_no_trace(studio: House, tiny_model: Path, nets: Path) -> None:
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


def test_i3_two_add_up(studio: House, tiny_model: Path, nets: Path) -> None:
    (made,) = studio.draw(f"{LINE} --control edges:square.png:.5 --control depth:depth.png")
    theirs = stock(
        tiny_model, [nets / "canny", nets / "depth"], "StableDiffusionControlNetPipeline",
        image=[square(), drawing(64, 64)], controlnet_conditioning_scale=[0.5, 1.0],
    )  # fmt: skip
    assert pixels(made) == theirs, "a model's name takes the picture as it is"


def test_i3_with_an_init_image(studio: House, tiny_model: Path, nets: Path) -> None:
    (made,) = studio.draw(f"{LINE} -I init.png -f .7 --control depth:depth.png")
    theirs = stock(
        tiny_model, [nets / "depth"], "StableDiffusionControlNetImg2ImgPipeline", image=drawing(64, 64).rotate(90),
        control_image=drawing(64, 64), strength=0.7,
    )  # fmt: skip
    assert pixels(made) == theirs


@pytest.mark.parametrize("kind", ["ordinary", "special"])
def test_i3_under_a_mask(studio: House, tiny_model: Path, tiny_inpainting_model: Path, nets: Path, kind: str) -> None:
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
def test_i3_sdxl_too(studio: House, folder_of: Folder, task: str, tmp_path: Path) -> None:
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


def test_a_picture_says_what_guided_it_and_is_made_again(studio: House, tmp_path: Path) -> None:
    line = f"{LINE} --control canny:square.png:0.8 --control depth:depth.png:.5"
    (made,) = studio.draw(line)
    for name in ("square.png", "depth.png"):
        (tmp_path / name).unlink()
    assert studio.run(f"!verify {made}") is Outcome.OK, studio.messages
    assert studio.messages.endswith("identical")
    assert studio.run(f"!replay {made}") is Outcome.OK, studio.errors
    assert pixels(studio.folder / studio.saved[0].path) == pixels(made)
    assert studio.run(f"!fetch {made}") is Outcome.OK
    (fetched,) = studio.prefills
    assert "--control canny:square.png:0.8 --control depth:depth.png:0.5" in fetched
    assert pixels(studio.draw(fetched)[0]) == pixels(made), "the pictures are kept with the results"


def test_a_recall_lasts(studio: House) -> None:
    studio.draw(f"{LINE} -W 96")
    (made,) = studio.draw(f"{LINE} --control canny:@last")
    assert "--control canny:000001.5.png:1" in studio.saved[0].line
    (again,) = studio.draw("!again")
    assert pixels(again) == pixels(made)
    (numbered,) = studio.draw(f"{LINE} --control canny:!1:1")
    assert pixels(numbered) == pixels(made)
    first, second = studio.draw(f"{LINE.replace('cat', '{cat|dog}')} --control canny:@last")
    assert {line.line.rsplit(" ", 1)[1] for line in studio.saved} == {"canny:000004.5.png:1"}, "one picture for both"
    varied = studio.draw(f"{LINE} -I init.png -v .3 -n 2 --control canny:@last")
    assert {line.line.split("--control ")[1].split()[0] for line in studio.saved} == {f"canny:{second.name}:1"}
    assert studio.run(f"!verify {first} {varied[1]}") is Outcome.OK, studio.messages


def test_every_stage_of_a_chain_is_guided_until_one_says_otherwise(studio: House) -> None:
    (both,) = studio.draw(f"{LINE} --control depth:depth.png | a dog -f .6 -S 6")
    assert studio.saved[0].line.count("--control depth:depth.png:1") == 2
    (said,) = studio.draw(f"{LINE} --control depth:depth.png | a dog -f .6 -S 6 --control depth:depth.png")
    (first,) = studio.draw(f"{LINE} --control depth:depth.png | a dog -f .6 -S 6 --no_control")
    assert pixels(both) == pixels(said) != pixels(first)
    for made in (both, first):
        assert studio.run(f"!verify {made}") is Outcome.OK, studio.messages
    (refined,) = studio.draw(f"{LINE} -I init.png -f .6,.4 --control depth:depth.png")
    assert studio.run(f"!verify {refined}") is Outcome.OK, studio.messages


def test_going_on_from_a_step_is_guided_as_before(studio: House, tmp_path: Path) -> None:
    (made,) = studio.draw(f"{LINE} --control depth:depth.png")
    Image.new("RGB", (64, 64)).save("depth.png")
    studio.draw("a dog -s1 --control depth:depth.png")
    (on,) = studio.draw(f"-I {made.name}:1")
    assert pixels(on) == pixels(made), "by the picture that was used, not by another of its name"
    assert studio.run(f"!verify {on}") is Outcome.OK, studio.messages


def test_the_picture_fits_where_the_init_image_lies(studio: House, tiny_model: Path, nets: Path) -> None:
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


def test_i3_a_single_file_is_a_control_model_too(studio: House, nets: Path, tmp_path: Path) -> None:
    file = tmp_path / "control_canny.safetensors"
    file.write_bytes((nets / "canny" / "diffusion_pytorch_model.safetensors").read_bytes())
    (folder,) = studio.draw(f"{LINE} --control edges:depth.png")
    assert studio.run(f"!import_model {file}") is Outcome.OK, studio.errors
    assert "control_canny: ControlNet for models that read prompts 32 wide" in studio.notices[-1]
    (single,) = studio.draw(f"{LINE} --control control_canny:depth.png")
    assert pixels(single) == pixels(folder)


def test_control_models_are_imported_listed_and_told(studio: House, nets: Path) -> None:
    assert studio.run(f"!import_model {nets / 'depth'} deeper") is Outcome.OK, studio.errors
    assert "--control depth:IMAGE uses it" in studio.notices[-1]
    assert studio.run(f"!import_model {nets / 'depth'} thing control=pose") is Outcome.OK, studio.errors
    assert studio.run("!models") is Outcome.OK
    (row,) = (line for line in studio.messages.splitlines() if line.startswith("thing"))
    assert "ControlNet for models that read prompts 32 wide" in row and "(--control pose)" in row
    assert studio.run("!model thing") is Outcome.OK, studio.errors
    assert "--control pose:IMAGE" in studio.messages
    copy = shutil.copytree(nets / "depth", studio.folder / "anything")
    assert studio.run(f"!import_model {copy}") is not Outcome.OK
    assert "does not say what its pictures are" in studio.errors[0]


def test_what_is_wrong_is_said_before_anything_is_loaded(studio: House, folder_of: Folder, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text('{"_class_name": "ControlNetModel", "cross_attention_dim": 32}')
    (broken / "diffusion_pytorch_model.safetensors").write_bytes(b"\0" * 20)
    enter(studio, broken=Path(f"{broken}:seg"), nowhere=Path("/nowhere/at/all:mlsd"))
    xl, flux = folder_of("sdxl"), folder_of("flux")
    said = {
        "--control pose:square.png": "there is no control model for pose",
        "--control canny:nothing.png": "there is no image nothing.png",
        "--control canny": "--control takes a kind and a picture, such as canny:photo.jpg, not canny",
        "--control canny:square.png:9": "--control takes a weight from 0 to 2 behind the last colon, not 9",
        "--control seg:square.png": "a file of the control model is damaged",
        "--control mlsd:square.png": "nowhere is no control model: /nowhere/at/all",
        "-m edges": "edges is a control model: no line can draw with it",
        f"-m {xl} --control canny:square.png": "the control model edges does not fit sdxl (Stable Diffusion XL): it "
        "was made for models that read prompts 32 wide",
        f"-m {flux} -A k_euler --control canny:square.png": "flux (FLUX.1 dev) cannot honour --control: there are "
        "no control models for its kind",
    }
    for switches, sentence in said.items():
        studio.events.clear()
        assert studio.run(f"{LINE} {switches}") is not Outcome.OK
        assert studio.errors[0].startswith(sentence), (switches, studio.errors)
        assert not studio.of(Loading)


def test_an_unknown_kind_names_the_kinds_there_are(studio: House) -> None:
    for said, near in {"cany": "canny", "openpose": "pose", "edgse": "edges", "foo": ""}.items():
        assert studio.run(f"{LINE} --control {said}:square.png") is not Outcome.OK
        (failed,) = studio.of(Failed)
        assert failed.error.message == f"{said} is no kind of control image, and no control model"
        assert failed.error.hint.startswith(f"did you mean {near}? The kinds are" if near else "The kinds are")
        assert "canny, depth, pose, seg, softedge" in failed.error.hint
        assert failed.error.hint.endswith("entered here: canny, depth, edges, deep")


def test_i4_a_picture_as_a_prompt_equals_stock_and_leaves_no_trace(studio: House, tiny_model: Path) -> None:
    import diffusers
    import torch

    (plain,) = studio.draw(LINE)
    file = build_ip_adapter(studio.folder / "ip", tiny_model)
    assert studio.run(f"!import_model {file}") is Outcome.OK, studio.errors
    assert "IP-Adapter for models that read prompts 32 wide" in studio.notices[-1]
    drawing(96, 64).save("style.png")
    (made,) = studio.draw(f"{LINE} --control ip:style.png:.6")
    stock = diffusers.StableDiffusionPipeline.from_pretrained(tiny_model, dtype=torch.float32, local_files_only=True)
    stock.load_ip_adapter(
        str(file.parent), subfolder="", weight_name=file.name, image_encoder_folder="image_encoder",
        local_files_only=True,
    )  # fmt: skip
    stock.set_ip_adapter_scale(0.6)
    stock.scheduler = diffusers.DDIMScheduler.from_config(
        stock.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    theirs = stock(
        "a cat", ip_adapter_image=drawing(96, 64), num_inference_steps=3, guidance_scale=5.0,
        generator=torch.Generator("cpu").manual_seed(5),
    ).images[0]  # fmt: skip
    assert pixels(made) == theirs.tobytes() != pixels(plain)
    (after,) = studio.draw(LINE)
    assert pixels(after) == pixels(plain) and not studio.of(Loading)
    (nothing,) = studio.draw(f"{LINE} --control ip:style.png:0")
    assert pixels(nothing) == pixels(plain)
    guided = f"{LINE} -I init.png -f .7 --control depth:depth.png --control ip:style.png:.6"
    (both,) = studio.draw(guided)
    assert studio.run(f"!verify {both}") is Outcome.OK, studio.messages
    assert pixels(both) not in {pixels(studio.draw(guided.replace(each, ""))[0]) for each in (
        "--control depth:depth.png", "--control ip:style.png:.6"
    )}  # fmt: skip


def test_an_ip_adapter_wants_its_image_encoder(studio: House, tiny_model: Path) -> None:
    file = build_ip_adapter(studio.folder / "ip", tiny_model)
    elsewhere = (file.parent / "image_encoder").rename(studio.folder / "eyes")
    assert studio.run(f"!import_model {file}") is not Outcome.OK
    assert "has no image encoder" in studio.errors[0]
    assert studio.run(f"!import_model {file} base={elsewhere}") is Outcome.OK, studio.errors
    studio.draw(f"{LINE} --control ip:init.png")


def test_i4_a_t2i_adapter_equals_stock_and_leaves_no_trace(studio: House) -> None:
    import diffusers
    import torch

    model = build_tiny_model(studio.folder / "early", early=True)
    line = f"{LINE} -m {model}"
    (plain,) = studio.draw(line)
    rough, deep = build_t2i_adapter(studio.folder / "rough", 1), build_t2i_adapter(studio.folder / "far", 2)
    assert studio.run(f"!import_model {rough} control=pose") is Outcome.OK, studio.errors
    assert "T2I-Adapter for UNets of 16, 32 channels" in studio.notices[-1]
    enter(studio, far=deep.with_name("far:lineart"))
    networks = [diffusers.T2IAdapter.from_pretrained(folder, local_files_only=True) for folder in (rough, deep)]

    def theirs(adapter: Any, image: Any, scale: Any) -> bytes:
        stock = diffusers.StableDiffusionAdapterPipeline.from_pretrained(
            model, adapter=adapter, dtype=torch.float32, local_files_only=True
        )
        stock.scheduler = diffusers.DDIMScheduler.from_config(
            stock.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
        )
        made = stock(
            "a cat", image=image, adapter_conditioning_scale=scale, num_inference_steps=3, guidance_scale=5.0,
            height=64, width=64, generator=torch.Generator("cpu").manual_seed(5),
        )  # fmt: skip
        return bytes(made.images[0].tobytes())

    (one,) = studio.draw(f"{line} --control pose:depth.png:.6")
    assert pixels(one) == theirs(networks[0], drawing(64, 64), 0.6) != pixels(plain)
    (two,) = studio.draw(f"{line} --control pose:depth.png:.6 --control lineart:square.png:.5")
    assert pixels(two) == theirs(networks, [drawing(64, 64), square()], [0.6, 0.5]) != pixels(one)
    assert pixels(studio.draw(line)[0]) == pixels(plain)
    assert pixels(studio.draw(f"{line} --control pose:depth.png:0")[0]) == pixels(plain)
    switches = "-I init.png -M mask.png -f .7 --control pose:depth.png --control canny:square.png"
    (guided,) = studio.draw(f"{line} {switches}")
    assert studio.run(f"!verify {guided}") is Outcome.OK, studio.messages
    (without,) = studio.draw(f"{line} {switches.replace('--control pose:depth.png', '')}")
    assert pixels(guided) != pixels(without)


def test_a_t2i_adapter_for_other_channels_is_refused(studio: House) -> None:
    enter(studio, large=build_t2i_adapter(studio.folder / "large", 1, channels=(32, 64)).with_name("large:pose"))
    assert studio.run(f"{LINE} --control pose:depth.png") is not Outcome.OK
    assert "does not fit" in studio.errors[0] and "UNets of 32, 64 channels" in studio.errors[0]
