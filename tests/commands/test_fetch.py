"""!fetch and its parts, !info and !replay, with images of other programs."""

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
from tests import image_files
from tests.foreign_images import FORMATS
from tests.metadata.test_hostile_files import TERMINAL, mangled
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, pixels

PARAMETERS = "a cat <lora:ink:1>\nNegative prompt: ugly\nSteps: 2, Sampler: Euler a, CFG scale: 5, Seed: 9, Size: 64x64"


def foreign_image(name: str = "theirs.png", **texts: str) -> Path:
    """Save an image with these text chunks."""
    info = PngInfo()
    for keyword, words in texts.items():
        info.add_itxt(keyword.replace("_", "-") if keyword == "sd_metadata" else keyword, words)
    drawing(64, 64).save(name, pnginfo=info)
    return Path(name)


def test_fetch_takes_all_prompt_seed_or_remix(harness: SessionHarness) -> None:
    foreign_image(parameters=PARAMETERS)
    harness.run("!fetch theirs.png")
    assert harness.prefills == ["a cat -s 2 -S 9 -W 64 -H 64 -C 5 -A k_euler_a --neg ugly"]
    assert harness.notices == ["not carried over: LoRA ink at 1"]
    for part, line in {
        "all": "a cat -s 2 -S 9 -W 64 -H 64 -C 5 -A k_euler_a --neg ugly",
        "prompt": "a cat --neg ugly",
        "seed": "-S 9",
        "remix": "a cat -s 2 -W 64 -H 64 -C 5 -A k_euler_a --neg ugly",
    }.items():
        harness.run(f"!fetch theirs.png {part}")
        assert harness.prefills == [line]
    assert harness.run("!fetch theirs.png model") is Outcome.FAILED
    assert "remix" in harness.of(Failed)[0].error.hint
    foreign_image("bare.png", Dream="a cat -s 5")
    assert harness.run("!fetch bare.png seed") is Outcome.FAILED
    assert "seed" in harness.errors[0]


def test_fetch_takes_parts_of_a_generated_image(harness: SessionHarness, sketch: Path) -> None:
    (path,) = harness.draw("a cat -s3 -f.5 -I sketch.png -V 7:.2 | a dog -f .5")
    harness.run(f"!fetch {path} seed")
    seed = harness.prefills[0]
    assert seed.startswith("-S ") and "-V 7:0.2" in seed
    harness.run(f"!fetch {path} remix")
    assert "-S" not in harness.prefills[0] and "| a dog" in harness.prefills[0]


def test_a_model_of_the_same_name_is_recognised(harness: SessionHarness) -> None:
    foreign_image(parameters=f"{PARAMETERS}, Model: Tiny.safetensors")
    harness.run("!fetch theirs.png")
    assert harness.prefills[0].endswith("-m tiny")
    foreign_image(parameters=f"{PARAMETERS}, Model: dreamy")
    harness.run("!fetch theirs.png")
    assert "-m" not in harness.prefills[0]
    assert any("dreamy" in text for text in harness.notices)


def test_a_renamed_model_is_recognised_by_its_hash(harness: SessionHarness) -> None:
    sha256 = harness.session.context.hashes.of_model(harness.session.context.settings.model())
    foreign_image(parameters=f"{PARAMETERS}, Model: dreamy, Model hash: {sha256[:10]}")
    harness.run("!fetch theirs.png")
    assert harness.prefills[0].endswith("-m tiny")


def test_an_image_of_another_program_is_replayed(harness: SessionHarness) -> None:
    foreign_image(parameters=PARAMETERS)
    harness.draw("!replay theirs.png")
    assert harness.saved[0].line.startswith("a cat -s 2 -S 9 -W 64 -H 64 -C 5 -A k_euler_a --neg ugly")
    assert any("LoRA ink" in text for text in harness.notices)
    assert any("differs" in text for text in harness.notices)


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
def test_replay_of_unusable_metadata_is_one_error(harness: SessionHarness, texts: dict[str, str]) -> None:
    foreign_image(**texts)
    assert harness.run("!replay theirs.png") is Outcome.FAILED
    assert not harness.saved
    assert len(harness.errors) == 1 and "\n" not in harness.errors[0]
    assert harness.of(Failed)[0].error.hint


def test_replay_of_an_unusable_dream_line_uses_the_json(harness: SessionHarness) -> None:
    image = {"prompt": [{"prompt": "a red house", "weight": 1}], "seed": 4, "steps": 2, "sampler": "ddim",
             "cfg_scale": 5, "width": 64, "height": 64, "type": "txt2img"}  # fmt: skip
    foreign_image(Dream="!oops", sd_metadata=json.dumps({"app_version": "2.3.5", "image": image}))
    harness.draw("!replay theirs.png")
    assert harness.saved[0].line.startswith("a red house -s 2 -S 4")


def test_info_shows_the_program_its_fields_and_what_is_not_carried_over(harness: SessionHarness) -> None:
    graph = json.dumps({"1": {"class_type": "Odd\x1b[2J", "inputs": {}}})
    foreign_image(parameters=f"{PARAMETERS}, Version: v1.10.1", workflow=graph + " " * 9000)
    harness.run("!info theirs.png")
    for text in ("A1111 v1.10.1", "steps           2", "sampler         k_euler_a", "not carried over: LoRA ink at 1"):
        assert text in harness.messages
    assert "\x1b" not in harness.messages and "more characters" in harness.messages
    Path("cut.png").write_bytes(Path("theirs.png").read_bytes()[:-100])
    assert harness.run("!info cut.png") is Outcome.OK
    assert "damaged" in harness.messages and "A1111" in harness.messages


def test_info_shows_conflicts(harness: SessionHarness) -> None:
    image = {"prompt": "a cat", "steps": 7}
    foreign_image(Dream="a cat -s 5", sd_metadata=json.dumps({"image": image}))
    harness.run("!info theirs.png")
    assert "conflict: steps: Dream has 5, sd-metadata has 7" in harness.messages


def test_an_image_with_huge_text_chunks_can_be_an_init_image(harness: SessionHarness) -> None:
    Path("huge.png").write_bytes(image_files.png(image_files.text("notes", "a" * 70_000_000)))
    harness.draw("a cat -s2 -I huge.png -W 64 -H 64")
    assert harness.saved


def test_stealth_text_in_the_alpha_channel_is_not_a_mask(harness: SessionHarness) -> None:
    Path("hidden.png").write_bytes(image_files.stealth(PARAMETERS))
    (path,) = harness.draw("a dog -s2 -f.9 -I hidden.png -W 64 -H 64")
    assert json.loads(read_chunks(path)["sd-metadata"])["image"]["type"] == "img2img"
    harness.draw("-s2 -f.9 -I hidden.png -W 64 -H 64")
    assert harness.saved[0].line.startswith("a cat"), "the prompt comes from the image"


def test_strength_0_keeps_the_digital_source_type(harness: SessionHarness, sketch: Path) -> None:
    (untouched,) = harness.draw("a cat -s2 -f0 -I sketch.png")
    assert source_type(read_chunks(untouched)) == ""
    assert set(read_xmp(read_chunks(untouched))) == {"xmp:CreatorTool"}
    (generated,) = harness.draw("a cat -s2")
    (kept,) = harness.draw(f"a dog -s2 -f0 -I {generated}")
    assert source_type(read_chunks(kept)) == "trainedAlgorithmicMedia"
    (mixed,) = harness.draw("a cat -s2 -f.9 -I sketch.png")
    (again,) = harness.draw(f"a dog -s2 -f.9 -I {mixed}")
    assert source_type(read_chunks(again)) == "compositeWithTrainedAlgorithmicMedia"
    packet = read_chunks(generated)[XMP].replace("trainedAlgorithmicMedia", "digitalCapture")
    photo = io.BytesIO()
    drawing(64, 64).save(photo, "JPEG", xmp=packet.encode())
    Path("photo.jpg").write_bytes(photo.getvalue())
    (fitted,) = harness.draw("a cat -s2 -f0 -I photo.jpg")
    assert source_type(read_chunks(fitted)) == "digitalCapture"
    assert harness.run("!verify outputs/*.png") is Outcome.OK, harness.messages


def test_a_jpeg_of_a1111_is_fetched_and_replayed(harness: SessionHarness) -> None:
    block = Image.Exif()
    block[image_files.USER_COMMENT] = image_files.unicode_comment(PARAMETERS)
    drawing(64, 64).save("theirs.jpg", exif=block)
    harness.run("!fetch theirs.jpg")
    (fetched,) = harness.draw(harness.prefills[0])
    (again,) = harness.draw("!replay theirs.jpg")
    assert pixels(fetched) == pixels(again)
    assert open_path(fetched).size == (64, 64)


def test_mangled_files_give_each_command_a_line_or_an_error(fake_session: SessionHarness) -> None:
    chance = random.Random(6)
    originals = [data for data, *_ in FORMATS.values()]
    for _ in range(60):
        Path("mangled.png").write_bytes(mangled(chance.choice(originals), chance))
        for command in ("!info mangled.png", "!fetch mangled.png", "!fetch mangled.png remix", "-s1 -I mangled.png"):
            fake_session.run(command)
            shown = [fake_session.messages, *fake_session.prefills, *fake_session.errors, *fake_session.notices]
            assert not any("internal error" in text for text in fake_session.errors), fake_session.errors
            assert not any(TERMINAL.search(text) for text in shown), command
            assert not any("\n" in line for line in fake_session.prefills)


def test_fetch_carries_over_the_loras_that_exist_here(harness: SessionHarness) -> None:
    folder = harness.session.context.settings.paths.data_folders("loras")[0]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Wet Ink.safetensors").touch()
    foreign_image(parameters=PARAMETERS.replace("<lora:ink:1>", "<lora:wet_ink:0.4> <lora:oil:0.2>"))
    harness.run("!fetch theirs.png")
    assert harness.prefills[0].endswith('--lora "Wet Ink:0.4"')
    assert harness.notices == ["not carried over: LoRA oil at 0.2"]


@pytest.mark.feature("visible-escapes")
def test_fetch_gives_back_characters_that_do_not_show(harness: SessionHarness) -> None:
    prompt = "a \u202eneerg\u202c cat\u200b, \u200dinvisible"
    foreign_image(parameters=PARAMETERS.replace("a cat", prompt, 1))
    harness.run("!fetch theirs.png prompt")
    assert harness.prefills == [f"{prompt} --neg ugly"]
