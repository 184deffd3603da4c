"""What scripts that were written for InvokeAI 2.3.5 read: keys, values, the Dream line and grids."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.metadata.codecs import recall
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.metadata.formats.line_of_2x import SAMPLERS
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, image_facts

# The keys that were in every file.
KEYS = {
    "type", "prompt", "sampler", "steps", "cfg_scale", "seed", "width", "height", "perlin", "threshold", "hires_fix",
    "h_symmetry_time_pct", "v_symmetry_time_pct", "variations", "init_mask", "facetool", "facetool_strength", "upscale",
    "postprocessing",
}  # fmt: skip
TOP = {"model", "model_id", "model_hash", "app_id", "app_version", "image"}


def parsed_by_2x(line: str) -> tuple[str, argparse.Namespace]:
    """Read a line by the rules of that version: the end of the prompt, the words after it, and their switches."""
    if line.startswith('"'):
        prompt, *words = shlex.split(line, comments=True)
    else:
        match = re.fullmatch(r"(.+?)\s(--?[A-Za-z].+)", line)
        assert match is not None
        prompt, words = match[1], shlex.split(match[2], comments=True)
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("-s", "--steps", type=int)
    parser.add_argument("-S", "--seed", type=int)
    parser.add_argument("-W", "--width", type=int)
    parser.add_argument("-H", "--height", type=int)
    parser.add_argument("-C", "--cfg_scale", type=float)
    samplers = [*SAMPLERS, "k_dpmpp_2_a", "pndm"]
    parser.add_argument("-A", "-m", "--sampler", choices=samplers)
    for name in ("threshold", "perlin", "h_symmetry_time_pct", "v_symmetry_time_pct"):
        parser.add_argument(f"--{name}", type=float)
    for name in ("seamless", "grid", "hires_fix"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("-I", "--init_img")
    parser.add_argument("-T", "-fit", "--fit", action="store_true")
    parser.add_argument("-f", "--strength", type=float)
    parser.add_argument("-V", "--with_variations")
    parser.add_argument("-U", "--upscale", nargs="+", type=float)
    parser.add_argument("-G", "--facetool_strength", type=float)
    return prompt, parser.parse_args(words)


def document(path: Path) -> dict[str, Any]:
    return dict(json.loads(read_chunks(path)["sd-metadata"]))


@pytest.mark.feature("output-2x")
@pytest.mark.parametrize(
    "line", ["a cat", "a cat -I pic.png -f .5", "!fix pic.png -U 2 0", "!fix pic.png -c top 64", "a cat | oil -f .5"]
)
def test_the_keys_of_2x_are_always_there(fake_session: SessionHarness, line: str) -> None:
    drawing(64, 64).save("pic.png")
    (path,) = fake_session.draw(f"{line} -s 4")
    found = document(path)
    assert found.keys() >= TOP and found["image"].keys() >= KEYS
    assert found["image"]["type"] in ("txt2img", "img2img")


@pytest.mark.feature("output-2x")
def test_the_type_is_one_that_2x_knew_beside_ours(fake_session: SessionHarness) -> None:
    drawing(64, 64).save("pic.png")
    (grown,) = fake_session.draw("!fix pic.png -c top 64 -s 4")
    (enlarged,) = fake_session.draw("!fix pic.png -U 2 0.5 -s 10")
    facts: list[Any] = [image_facts(path) for path in (grown, enlarged)]
    assert [(each["type"], each["task"]) for each in facts] == [("img2img", "inpaint"), ("img2img", "postprocess")]
    assert facts[1]["steps_real"] == 5, "the steps of enlarging"
    (entry,) = facts[0]["postprocessing"]
    assert entry == {"tool": "outcrop", "dream_command": "!fix pic.png -c top 64"}
    assert facts[1]["postprocessing"][0]["dream_command"] == "!fix pic.png -U 2 0.5"
    (secret,) = fake_session.draw("!fix pic.png -U 2 0.5 -s 10 --private")
    hidden: Any = image_facts(secret)["postprocessing"]
    assert "dream_command" not in hidden[0]


@pytest.mark.feature("output-2x")
@pytest.mark.parametrize(
    ("line", "passes"),
    [
        ("a cat -s2 -S7 -W160 -H96 --hires_fix", True),
        ("a cat -s2 -S7 -W128 -H128 --hires_fix -n2 -v.2 -f.5", True),
        ("a cat -s2 -S7 -W128 -H128 --hires_fix | oil -f.5", True),
        ("a cat -s2 -S7 -W128 -H128 --hires_fix --private", True),
        ("a cat -s2 -S7 --hires_fix", False),
        ("a cat -s2 -S7 | oil -f.5", False),
        ("a cat -s2 -S7 | -f.5", False),
        ("a cat -s2 -S7 | oil -f.5 -W128 -H128 --crop", False),
    ],
)
def test_hires_fix_is_recorded_for_two_passes_alone(fake_session: SessionHarness, line: str, passes: bool) -> None:
    for path in fake_session.draw(line):
        assert image_facts(path)["hires_fix"] is passes
        metadata = recall(path)
        assert not any(stage.hires_fix for stage in metadata.stages) and metadata.conflicts == ()
        if "--private" not in line:
            assert fake_session.run(f"!verify {path}") is Outcome.OK, fake_session.messages


@pytest.mark.feature("output-2x")
def test_the_seed_of_two_passes_is_that_in_the_name(harness: SessionHarness) -> None:
    (path,) = harness.draw("a cat -s4 -S77 --hires_fix -W128 -H128")
    assert ".77." in path.name and image_facts(path)["seed"] == 77
    metadata = recall(path)
    assert metadata.conflicts == () and metadata.stages[0].seeds == (77,) and metadata.stages[1].seeds != (77,)
    assert harness.run(f"!verify {path}") is Outcome.OK, harness.messages
    assert "identical" in harness.messages


@pytest.mark.feature("output-2x")
@pytest.mark.parametrize(
    ("line", "prompt"),
    [
        ("a cat", "a cat"),
        ("a (white cat)1.2 [fog] --seamless --perlin .2 --threshold 3", "a (white cat)1.2 [fog]"),
        ("a cat -V 3:0.2,5:0.1 -S 4", "a cat"),
        ('"a well - known cat" -A k_euler', "a well - known cat"),
        ("a cat -I pic.png -f .5 -A plms", "a cat"),
        ("a cat's paw -U 2 0.75", "a cat's paw"),
    ],
)
def test_2x_reads_the_line_in_a_file(fake_session: SessionHarness, line: str, prompt: str) -> None:
    drawing(64, 64).save("pic.png")
    (path,) = fake_session.draw(f"{line} -s 4")
    written = read_chunks(path)["Dream"]
    assert written.endswith(" # model_id=tiny"), written
    found, switches = parsed_by_2x(written)
    assert found == prompt and switches.steps == 4
    assert recall(path).request.model == "tiny"


@pytest.mark.parametrize("line", ["a cat --neg dog", "a cat -A unipc", "a cat | a dog -f .5", "a cat --private"])
def test_other_lines_name_the_model_with_the_switch(fake_session: SessionHarness, line: str) -> None:
    (path,) = fake_session.draw(f"{line} -s 4")
    assert "-m tiny" in read_chunks(path)["Dream"]


@pytest.mark.feature("output-2x")
def test_a_noted_model_is_used_if_it_is_known(fake_session: SessionHarness, tiny_model: Path) -> None:
    fake_session.run(f"!import_model {tiny_model} second")
    models = {
        "a cat -s 2 # model_id=second": "second",
        "a cat -s 2 # model_id=unheard-of": "tiny",
        "a cat -s 2 -m tiny # model_id=second": "tiny",
        "outputs/000001.7.png: a cat -s 2 -A ddim # model_id=second": "second",
        "a cat # model_id=second": "tiny",  # before any switch it is part of the prompt
    }
    for line, model in models.items():
        fake_session.draw(line)
        assert fake_session.saved[-1].line.endswith(f"-m {model}"), line


@pytest.mark.feature("output-2x")
def test_a_grid_has_the_settings_of_its_images_and_a_line_in_the_log(fake_session: SessionHarness) -> None:
    paths = fake_session.draw("a cat -s 2 -S 5 -n 3 -g")
    (grid,) = fake_session.folder.glob("outputs/*.grid.png")
    chunks = read_chunks(grid)
    images = json.loads(chunks["sd-metadata"])["images"]
    assert [image["seed"] for image in images] == [image_facts(path)["seed"] for path in paths]
    prompt, switches = parsed_by_2x(chunks["Dream"])
    assert prompt == "a cat" and switches.grid and chunks["Dream"].endswith(str([image["seed"] for image in images]))
    log = (fake_session.folder / "outputs" / "invoke_log.txt").read_text(encoding="utf-8").splitlines()
    assert log[-1].startswith(f"outputs/{grid.name}: !grid ")
    fake_session.draw("a secret -s 2 -S 5 -n 2 -g --private")
    assert "Dream" not in read_chunks(max(fake_session.folder.glob("outputs/*.grid.png")))
