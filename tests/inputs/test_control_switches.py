"""Control images in lines and records: they are recorded and reproduced, and mistakes are errors."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed, Loading
from tests.families.builders import Folder
from tests.inputs.control_models import LINE, enter
from tests.session_harness import SessionHarness, pixels


def test_images_with_control_images_verify_replay_and_fetch(control_session: SessionHarness, tmp_path: Path) -> None:
    line = f"{LINE} --control canny:square.png:0.8 --control depth:depth.png:.5"
    (result,) = control_session.draw(line)
    for name in ("square.png", "depth.png"):
        (tmp_path / name).unlink()
    assert control_session.run(f"!verify {result}") is Outcome.OK, control_session.messages
    assert control_session.messages.endswith("identical")
    assert control_session.run(f"!replay {result}") is Outcome.OK, control_session.errors
    assert pixels(control_session.folder / control_session.saved[0].path) == pixels(result)
    assert control_session.run(f"!fetch {result}") is Outcome.OK
    (fetched,) = control_session.prefills
    assert "--control canny:square.png:0.8 --control depth:depth.png:0.5" in fetched
    assert pixels(control_session.draw(fetched)[0]) == pixels(result), "the control images are kept with the results"


def test_references_to_control_images_are_recorded_as_names(control_session: SessionHarness) -> None:
    control_session.draw(f"{LINE} -W 96")
    (result,) = control_session.draw(f"{LINE} --control canny:@last")
    assert "--control canny:000001.5.png:1" in control_session.saved[0].line
    (again,) = control_session.draw("!again")
    assert pixels(again) == pixels(result)
    (numbered,) = control_session.draw(f"{LINE} --control canny:!1:1")
    assert pixels(numbered) == pixels(result)
    first, second = control_session.draw(f"{LINE.replace('cat', '{cat|dog}')} --control canny:@last")
    assert {line.line.rsplit(" ", 1)[1] for line in control_session.saved} == {"canny:000004.5.png:1"}, (
        "one image for both"
    )
    varied = control_session.draw(f"{LINE} -I init.png -v .3 -n 2 --control canny:@last")
    assert {line.line.split("--control ")[1].split()[0] for line in control_session.saved} == {f"canny:{second.name}:1"}
    assert control_session.run(f"!verify {first} {varied[1]}") is Outcome.OK, control_session.messages


@pytest.mark.feature("chain-after-control")
def test_control_images_are_inherited_by_later_stages(control_session: SessionHarness) -> None:
    (both,) = control_session.draw(f"{LINE} --control depth:depth.png | a dog -f .6 -S 6")
    assert control_session.saved[0].line.count("--control depth:depth.png:1") == 2
    (explicit,) = control_session.draw(f"{LINE} --control depth:depth.png | a dog -f .6 -S 6 --control depth:depth.png")
    (first,) = control_session.draw(f"{LINE} --control depth:depth.png | a dog -f .6 -S 6 --no_control")
    assert pixels(both) == pixels(explicit) != pixels(first)
    for result in (both, first):
        assert control_session.run(f"!verify {result}") is Outcome.OK, control_session.messages
    (refined,) = control_session.draw(f"{LINE} -I init.png -f .6,.4 --control depth:depth.png")
    assert control_session.run(f"!verify {refined}") is Outcome.OK, control_session.messages


def test_resuming_uses_the_recorded_control_image(control_session: SessionHarness, tmp_path: Path) -> None:
    (result,) = control_session.draw(f"{LINE} --control depth:depth.png")
    Image.new("RGB", (64, 64)).save("depth.png")
    control_session.draw("a dog -s1 --control depth:depth.png")
    (resumed,) = control_session.draw(f"-I {result.name}:1")
    assert pixels(resumed) == pixels(result), "the image that was used, not another of its name"
    assert control_session.run(f"!verify {resumed}") is Outcome.OK, control_session.messages


def test_control_models_are_imported_and_listed(control_session: SessionHarness, networks: Path) -> None:
    assert control_session.run(f"!import_model {networks / 'depth'} deeper") is Outcome.OK, control_session.errors
    assert "--control depth:IMAGE uses it" in control_session.notices[-1]
    assert control_session.run(f"!import_model {networks / 'depth'} thing control=pose") is Outcome.OK, (
        control_session.errors
    )
    assert control_session.run("!models") is Outcome.OK
    (row,) = (line for line in control_session.messages.splitlines() if line.startswith("thing"))
    assert "ControlNet for models with a text width of 32" in row and "(--control pose)" in row
    assert control_session.run("!model thing") is Outcome.OK, control_session.errors
    assert "--control pose:IMAGE" in control_session.messages
    copy = shutil.copytree(networks / "depth", control_session.folder / "anything")
    assert control_session.run(f"!import_model {copy}") is not Outcome.OK
    assert "does not contain the kind of control image" in control_session.errors[0]


def test_mistakes_with_control_images_are_errors_before_loading(
    control_session: SessionHarness, folder_of: Folder, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text('{"_class_name": "ControlNetModel", "cross_attention_dim": 32}')
    (broken / "diffusion_pytorch_model.safetensors").write_bytes(b"\0" * 20)
    enter(control_session, broken=Path(f"{broken}:seg"), nowhere=Path("/nowhere/at/all:mlsd"))
    xl, flux = folder_of("sdxl"), folder_of("flux")
    messages = {
        "--control pose:square.png": "no control model for pose",
        "--control canny:nothing.png": "there is no image nothing.png",
        "--control canny": "--control takes a kind and an image, such as canny:photo.jpg, not canny",
        "--control canny:square.png:9": "--control takes a weight from 0 to 2 after the last colon, not 9",
        "--control seg:square.png": "a file of the control model is damaged",
        "--control mlsd:square.png": "nowhere is not a control model: /nowhere/at/all",
        "-m edges": "edges is a control model and cannot generate images",
        f"-m {xl} --control canny:square.png": "the control model edges does not fit sdxl (Stable Diffusion XL): it "
        "is for models with a text width of 32",
        f"-m {flux} -A k_euler --control canny:square.png": "flux (FLUX.1 dev) does not support --control: there are "
        "no control models for this family",
    }
    for switches, message in messages.items():
        control_session.events.clear()
        assert control_session.run(f"{LINE} {switches}") is not Outcome.OK
        assert control_session.errors[0].startswith(message), (switches, control_session.errors)
        assert not control_session.of(Loading)


def test_the_error_of_an_unknown_kind_lists_the_kinds(control_session: SessionHarness) -> None:
    for kind, near in {"cany": "canny", "openpose": "pose", "edgse": "edges", "foo": ""}.items():
        assert control_session.run(f"{LINE} --control {kind}:square.png") is not Outcome.OK
        (failed,) = control_session.of(Failed)
        assert failed.error.message == f"no such kind of control image or control model: {kind}"
        assert failed.error.hint.startswith(f"did you mean {near}? kinds:" if near else "kinds:")
        assert "canny, depth, pose, seg, softedge" in failed.error.hint
        assert failed.error.hint.endswith("available: canny, depth, edges, deep")


@pytest.mark.parametrize(
    ("size", "switches", "change"),
    [
        ((64, 64), "", ""),
        ((128, 128), "", "(128x128) is resized to 64x64"),
        ((96, 64), "", "(96x64) is resized and cropped to 64x64"),
        ((64, 64), "-I wide.png -f .5", "(64x64) is resized and cropped to 96x64"),
        ((96, 64), "-I wide.png -f .5", ""),
    ],
)
def test_a_control_image_of_another_size_is_a_notice(
    control_session: SessionHarness, tmp_path: Path, size: tuple[int, int], switches: str, change: str
) -> None:
    Image.new("RGB", size, "grey").save(tmp_path / "control.png")
    Image.new("RGB", (96, 64), "blue").save(tmp_path / "wide.png")
    assert control_session.run(f"{LINE} {switches} --control depth:control.png --dry_run") is Outcome.OK
    notices = [text for text in control_session.notices if text.startswith("the control image")]
    assert notices == ([f"the control image control.png {change}"] if change else [])
