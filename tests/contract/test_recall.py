"""Recall as its user meets it: !fetch and its parts, !info and !replay of pictures of other programs."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed
from invoke_cli.imaging.open_image import open_path
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.metadata.containers.xmp import KEYWORD as XMP
from invoke_cli.metadata.containers.xmp_properties import read_xmp, source_type
from tests import pictures
from tests.conftest import drawing
from tests.foreign_pictures import FORMATS
from tests.session_harness import House, pixels
from tests.unit.test_recall_hostile import TERMINAL, mangled

PARAMETERS = "a cat <lora:ink:1>\nNegative prompt: ugly\nSteps: 2, Sampler: Euler a, CFG scale: 5, Seed: 9, Size: 64x64"


def theirs(name: str = "theirs.png", **texts: str) -> Path:
    info = PngInfo()
    for keyword, words in texts.items():
        info.add_itxt(keyword.replace("_", "-") if keyword == "sd_metadata" else keyword, words)
    drawing(64, 64).save(name, pnginfo=info)
    return Path(name)


def test_fetch_takes_parts_as_users_of_invokeai_know_them(house: House) -> None:
    theirs(parameters=PARAMETERS)
    house.run("!fetch theirs.png")
    assert house.prefills == ["a cat -s 2 -S 9 -W 64 -H 64 -C 5 -A k_euler_a --neg ugly"]
    assert house.notices == ["not carried over: LoRA ink at 1"]
    for part, line in {
        "all": "a cat -s 2 -S 9 -W 64 -H 64 -C 5 -A k_euler_a --neg ugly",
        "prompt": "a cat --neg ugly",
        "seed": "-S 9",
        "remix": "a cat -s 2 -W 64 -H 64 -C 5 -A k_euler_a --neg ugly",
    }.items():
        house.run(f"!fetch theirs.png {part}")
        assert house.prefills == [line]
    assert house.run("!fetch theirs.png model") is Outcome.FAILED
    assert "remix" in house.of(Failed)[0].error.hint
    theirs("bare.png", Dream="a cat -s 5")
    assert house.run("!fetch bare.png seed") is Outcome.FAILED
    assert "seed" in house.errors[0]


def test_parts_of_a_picture_of_ours(house: House, sketch: Path) -> None:
    (path,) = house.draw("a cat -s3 -f.5 -I sketch.png -V 7:.2 | a dog -f .5")
    house.run(f"!fetch {path} seed")
    seed = house.prefills[0]
    assert seed.startswith("-S ") and "-V 7:0.2" in seed
    house.run(f"!fetch {path} remix")
    assert "-S" not in house.prefills[0] and "| a dog" in house.prefills[0]


def test_a_model_of_the_same_name_is_that_model(house: House) -> None:
    theirs(parameters=f"{PARAMETERS}, Model: Tiny.safetensors")
    house.run("!fetch theirs.png")
    assert house.prefills[0].endswith("-m tiny")
    theirs(parameters=f"{PARAMETERS}, Model: dreamy")
    house.run("!fetch theirs.png")
    assert "-m" not in house.prefills[0]
    assert any("dreamy" in text for text in house.notices)


def test_a_model_that_was_renamed_is_found_by_its_hash(house: House) -> None:
    sha256 = house.session.workshop.model_hash(house.session.workshop.settings.model())
    theirs(parameters=f"{PARAMETERS}, Model: dreamy, Model hash: {sha256[:10]}")
    house.run("!fetch theirs.png")
    assert house.prefills[0].endswith("-m tiny")


def test_a_picture_of_another_program_is_drawn_again(house: House) -> None:
    theirs(parameters=PARAMETERS)
    house.draw("!replay theirs.png")
    assert house.saved[0].line.startswith("a cat -s 2 -S 9 -W 64 -H 64 -C 5 -A k_euler_a --neg ugly")
    assert any("LoRA ink" in text for text in house.notices)
    assert any("differs" in text for text in house.notices)


@pytest.mark.parametrize(
    "texts",
    [
        {"Dream": "!fix cat.png -U 2"},
        {"Dream": "-s 5 -S 3"},
        {"Dream": "!oops", "sd_metadata": "{"},
        {"Dream": "-s 5", "sd_metadata": json.dumps({"image": {"steps": 5}})},
        {"parameters": "\nSteps: 5, Sampler: Euler, Seed: 3"},
        {"parameters": f"{PARAMETERS}, Denoising strength: 0.5"},
    ],
)
def test_replay_never_draws_something_else(house: House, texts: dict[str, str]) -> None:
    theirs(**texts)
    assert house.run("!replay theirs.png") is Outcome.FAILED
    assert not house.saved
    assert len(house.errors) == 1 and "\n" not in house.errors[0]
    assert house.of(Failed)[0].error.hint


def test_replay_of_an_unusable_dream_line_uses_the_json(house: House) -> None:
    image = {"prompt": [{"prompt": "a red house", "weight": 1}], "seed": 4, "steps": 2, "sampler": "ddim",
             "cfg_scale": 5, "width": 64, "height": 64, "type": "txt2img"}  # fmt: skip
    theirs(Dream="!oops", sd_metadata=json.dumps({"app_version": "2.3.5", "image": image}))
    house.draw("!replay theirs.png")
    assert house.saved[0].line.startswith("a red house -s 2 -S 4")


def test_info_tells_program_fields_and_what_is_not_carried_over(house: House) -> None:
    graph = json.dumps({"1": {"class_type": "Odd\x1b[2J", "inputs": {}}})
    theirs(parameters=f"{PARAMETERS}, Version: v1.10.1", workflow=graph + " " * 9000)
    house.run("!info theirs.png")
    for text in ("A1111 v1.10.1", "steps           2", "sampler         k_euler_a", "not carried over: LoRA ink at 1"):
        assert text in house.messages
    assert "\x1b" not in house.messages and "more characters" in house.messages
    Path("cut.png").write_bytes(Path("theirs.png").read_bytes()[:-100])
    assert house.run("!info cut.png") is Outcome.OK
    assert "damaged" in house.messages and "A1111" in house.messages


def test_info_tells_clashes(house: House) -> None:
    image = {"prompt": "a cat", "steps": 7}
    theirs(Dream="a cat -s 5", sd_metadata=json.dumps({"image": image}))
    house.run("!info theirs.png")
    assert "clash: steps: Dream says 5, sd-metadata says 7" in house.messages


def test_a_picture_with_huge_texts_is_drawn_from(house: House) -> None:
    Path("huge.png").write_bytes(pictures.png(pictures.text("notes", "a" * 70_000_000)))
    house.draw("a cat -s2 -I huge.png -W 64 -H 64")
    assert house.saved


def test_words_hidden_in_the_transparency_are_no_mask(house: House) -> None:
    Path("hidden.png").write_bytes(pictures.stealth(PARAMETERS))
    (path,) = house.draw("a dog -s2 -f.9 -I hidden.png -W 64 -H 64")
    assert json.loads(read_chunks(path)["sd-metadata"])["image"]["type"] == "img2img"
    house.draw("-s2 -f.9 -I hidden.png -W 64 -H 64")
    assert house.saved[0].line.startswith("a cat"), "the prompt comes from the picture"


def test_strength_0_keeps_what_the_source_says_of_itself(house: House, sketch: Path) -> None:
    (untouched,) = house.draw("a cat -s2 -f0 -I sketch.png")
    assert source_type(read_chunks(untouched)) == ""
    assert set(read_xmp(read_chunks(untouched))) == {"xmp:CreatorTool"}
    (made,) = house.draw("a cat -s2")
    (kept,) = house.draw(f"a dog -s2 -f0 -I {made}")
    assert source_type(read_chunks(kept)) == "trainedAlgorithmicMedia"
    (mixed,) = house.draw("a cat -s2 -f.9 -I sketch.png")
    (again,) = house.draw(f"a dog -s2 -f.9 -I {mixed}")
    assert source_type(read_chunks(again)) == "compositeWithTrainedAlgorithmicMedia"
    packet = read_chunks(made)[XMP].replace("trainedAlgorithmicMedia", "digitalCapture")
    photo = io.BytesIO()
    drawing(64, 64).save(photo, "JPEG", xmp=packet.encode())
    Path("photo.jpg").write_bytes(photo.getvalue())
    (fitted,) = house.draw("a cat -s2 -f0 -I photo.jpg")
    assert source_type(read_chunks(fitted)) == "digitalCapture"
    assert house.run("!verify outputs/*.png") is Outcome.OK, house.messages


def test_a_jpeg_of_a1111_s_is_fetched_and_drawn_again(house: House) -> None:
    block = Image.Exif()
    block[pictures.USER_COMMENT] = pictures.unicode_comment(PARAMETERS)
    drawing(64, 64).save("theirs.jpg", exif=block)
    house.run("!fetch theirs.jpg")
    (drawn,) = house.draw(house.prefills[0])
    (again,) = house.draw("!replay theirs.jpg")
    assert pixels(drawn) == pixels(again)
    assert open_path(drawn).size == (64, 64)


def test_mangled_files_are_a_line_or_a_sentence_to_every_command(fake_house: House) -> None:
    chance = random.Random(6)
    originals = [data for data, *_ in FORMATS.values()]
    for _ in range(60):
        Path("mangled.png").write_bytes(mangled(chance.choice(originals), chance))
        for command in ("!info mangled.png", "!fetch mangled.png", "!fetch mangled.png remix", "-s1 -I mangled.png"):
            fake_house.run(command)
            shown = [fake_house.messages, *fake_house.prefills, *fake_house.errors, *fake_house.notices]
            assert not any("error in the program" in text for text in fake_house.errors), fake_house.errors
            assert not any(TERMINAL.search(text) for text in shown), command
            assert not any("\n" in line for line in fake_house.prefills)
