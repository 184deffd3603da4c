"""The fire example, and more than 30 mixed lines that must all verify."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.language.grammar.line import Generation, parse
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, size

FIRE = '"fire" -s10 -W384 -H384 -S1592514025'

MIXED = """\
a cat -s2 -S1
"fire" -s3 -S2 -C 7
a dog [ugly, blurry] -s2 -S3
a dog -s2 -S3 --neg "ugly, blurry"
a house -s4 -S4 -A k_euler
a house -s4 -S4 -A k_euler_a
a house -s4 -S4 -A dpmpp_2m
a house -s4 -S4 -A k_dpm_2_a
a house -s4 -S4 -A "DPM++ 2M SDE Karras"
a house -s4 -S4 -A ddim
a house -s4 -S4 -A plms
a house -s4 -S4 -A k_heun
wide -s2 -S5 -W 96 -H 64
three -s2 -S6 -n 3
list -s2 -S 7,8..9
free -s2 -S10 -C 1
pärchen 🦊 "quoted" -s2 -S11
oil -s4 -S12 -I sketch.png
oil -s10 -S12 -I sketch.png -f 0.7
oil -s10 -S12 -I sketch.png -f 0.4 -A ddim
oil -s10 -S12 -I sketch.png -f 0.5 -A k_euler_a
oil -S12 -I sketch.png --real_steps 3 -f .5
fit -s4 -S13 -I sketch.png -W 64 -H 64 --fit
pad -s4 -S13 -I sketch.png -W 64 -H 64 --pad=white
crop -s4 -S13 -I sketch.png -W 64 -H 64 --crop
stretch -s4 -S13 -I sketch.png -W 64 -H 64 --stretch
same -S14 -I sketch.png -f 0
blend -s3 -S15 -V 3:0.2,4:0.1
vary -s3 -S16 -v 0.2 -n 2
vary -s5 -S17 -v 0.2 -n 2 -I sketch.png -f .7
recall -s3 -S18 -I @last -f .6
batch -s3 -S19 -n 3 --parallel 3
grid -s2 -S20 -n 2 --grid --strip"""


def test_verification_of_mixed_lines_is_identical(
    real_session: SessionHarness, sketch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = MIXED.splitlines()
    assert len(lines) >= 30
    for line in lines:
        assert real_session.run(line) is Outcome.OK, (line, real_session.errors)
    images = sorted(real_session.folder.glob("outputs/[0-9]*.[0-9]*.png"))
    images = [path for path in images if ".steps" not in path.name]
    assert len(images) > 40
    sketch.unlink()  # the input is kept with the results
    elsewhere = real_session.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert real_session.run(f"!verify {' '.join(map(str, images))}") is Outcome.OK, real_session.errors
    assert real_session.messages.count(": identical") == len(images)


@pytest.mark.feature("worked-example")
@pytest.mark.parametrize(
    ("switches", "echo"),
    [("-s10 -f 0.7", "7 of 10 steps"), ("-s10 -f 0.4", "4 of 10"), ("-s50 -f 0.4", "20 of 50"), ("-s29 -f.7", "20 of")],
)
def test_the_fire_example_with_an_init_image_takes_the_expected_steps(
    harness: SessionHarness, switches: str, echo: str
) -> None:
    drawing(320, 320).save("fire-drawing.png")
    harness.run("!set --strip")
    line = f'"fire" -W384 -H384 -S1592514025 -I fire-drawing.png {switches}'
    (path,) = harness.draw(line)
    taken = int(echo.split()[0])
    assert harness.saved[0].steps_taken == taken
    assert size(path) == (384, 384)
    with Image.open(path.with_name(f"{path.stem}.steps.png")) as strip:
        assert strip.width > (taken + 1) * strip.height / 2  # the start and each step


def test_the_fire_example_without_an_init_image(harness: SessionHarness) -> None:
    (path,) = harness.draw(FIRE)
    assert harness.saved[0].steps_taken == 10 and size(path) == (384, 384)


@pytest.mark.feature("init-relative")
def test_the_tree_example_parses() -> None:
    line = parse(
        "tree on a hill with a river, nature photograph, national geographic "
        "-I./test-pictures/tree-and-river-sketch.png -f 0.85"
    )
    assert isinstance(line, Generation)
    request = line.stages[0].request
    assert request.prompt == "tree on a hill with a river, nature photograph, national geographic"
    assert str(request.init_image) == "./test-pictures/tree-and-river-sketch.png" and request.strength == 0.85


def test_quotes_around_the_prompt_are_optional(harness: SessionHarness) -> None:
    harness.run("fire -s2 -S1", '"fire" -s2 -S1', "it's a 5\\\" fire's glow -s2 -S1")
    assert harness.saved[0].line == harness.saved[1].line
    assert "it's" in harness.saved[2].line and "fire's glow" in harness.saved[2].line


@pytest.mark.feature("source-small")
def test_a_small_init_image_gives_a_notice(harness: SessionHarness) -> None:
    drawing(32, 32).save("small.png")
    harness.draw("a cat -I small.png -s2 -W 128 -H 128")
    assert any("small" in notice or "32x32" in notice for notice in harness.notices)
