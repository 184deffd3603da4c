"""Control images in lines and records: what guided a picture is kept and made again, what is wrong is said."""

from __future__ import annotations

import shutil
from pathlib import Path

from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed, Loading
from tests.families.builders import Folder
from tests.inputs.control_models import LINE, enter
from tests.session_harness import SessionHarness, pixels


def test_a_picture_says_what_guided_it_and_is_made_again(studio: SessionHarness, tmp_path: Path) -> None:
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


def test_a_recall_lasts(studio: SessionHarness) -> None:
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


def test_every_stage_of_a_chain_is_guided_until_one_says_otherwise(studio: SessionHarness) -> None:
    (both,) = studio.draw(f"{LINE} --control depth:depth.png | a dog -f .6 -S 6")
    assert studio.saved[0].line.count("--control depth:depth.png:1") == 2
    (said,) = studio.draw(f"{LINE} --control depth:depth.png | a dog -f .6 -S 6 --control depth:depth.png")
    (first,) = studio.draw(f"{LINE} --control depth:depth.png | a dog -f .6 -S 6 --no_control")
    assert pixels(both) == pixels(said) != pixels(first)
    for made in (both, first):
        assert studio.run(f"!verify {made}") is Outcome.OK, studio.messages
    (refined,) = studio.draw(f"{LINE} -I init.png -f .6,.4 --control depth:depth.png")
    assert studio.run(f"!verify {refined}") is Outcome.OK, studio.messages


def test_going_on_from_a_step_is_guided_as_before(studio: SessionHarness, tmp_path: Path) -> None:
    (made,) = studio.draw(f"{LINE} --control depth:depth.png")
    Image.new("RGB", (64, 64)).save("depth.png")
    studio.draw("a dog -s1 --control depth:depth.png")
    (on,) = studio.draw(f"-I {made.name}:1")
    assert pixels(on) == pixels(made), "by the picture that was used, not by another of its name"
    assert studio.run(f"!verify {on}") is Outcome.OK, studio.messages


def test_control_models_are_imported_listed_and_told(studio: SessionHarness, nets: Path) -> None:
    assert studio.run(f"!import_model {nets / 'depth'} deeper") is Outcome.OK, studio.errors
    assert "--control depth:IMAGE uses it" in studio.notices[-1]
    assert studio.run(f"!import_model {nets / 'depth'} thing control=pose") is Outcome.OK, studio.errors
    assert studio.run("!models") is Outcome.OK
    (row,) = (line for line in studio.messages.splitlines() if line.startswith("thing"))
    assert "ControlNet for models with a text width of 32" in row and "(--control pose)" in row
    assert studio.run("!model thing") is Outcome.OK, studio.errors
    assert "--control pose:IMAGE" in studio.messages
    copy = shutil.copytree(nets / "depth", studio.folder / "anything")
    assert studio.run(f"!import_model {copy}") is not Outcome.OK
    assert "does not contain the kind of control image" in studio.errors[0]


def test_what_is_wrong_is_said_before_anything_is_loaded(
    studio: SessionHarness, folder_of: Folder, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text('{"_class_name": "ControlNetModel", "cross_attention_dim": 32}')
    (broken / "diffusion_pytorch_model.safetensors").write_bytes(b"\0" * 20)
    enter(studio, broken=Path(f"{broken}:seg"), nowhere=Path("/nowhere/at/all:mlsd"))
    xl, flux = folder_of("sdxl"), folder_of("flux")
    said = {
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
    for switches, sentence in said.items():
        studio.events.clear()
        assert studio.run(f"{LINE} {switches}") is not Outcome.OK
        assert studio.errors[0].startswith(sentence), (switches, studio.errors)
        assert not studio.of(Loading)


def test_an_unknown_kind_names_the_kinds_there_are(studio: SessionHarness) -> None:
    for said, near in {"cany": "canny", "openpose": "pose", "edgse": "edges", "foo": ""}.items():
        assert studio.run(f"{LINE} --control {said}:square.png") is not Outcome.OK
        (failed,) = studio.of(Failed)
        assert failed.error.message == f"no such kind of control image or control model: {said}"
        assert failed.error.hint.startswith(f"did you mean {near}? kinds:" if near else "kinds:")
        assert "canny, depth, pose, seg, softedge" in failed.error.hint
        assert failed.error.hint.endswith("available: canny, depth, edges, deep")
