"""The worked example of the source document, verbatim; and thirty mixed lines that must all make themselves again."""

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


def test_law_5_thirty_mixed_lines_all_verify(
    real_session: SessionHarness, sketch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = MIXED.splitlines()
    assert len(lines) >= 30
    for line in lines:
        assert real_session.run(line) is Outcome.OK, (line, real_session.errors)
    pictures = sorted(real_session.folder.glob("outputs/[0-9]*.[0-9]*.png"))
    pictures = [path for path in pictures if ".steps" not in path.name]
    assert len(pictures) > 40
    sketch.unlink()  # what was used is kept by content
    elsewhere = real_session.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert real_session.run(f"!verify {' '.join(map(str, pictures))}") is Outcome.OK, real_session.errors
    assert real_session.messages.count(": identical") == len(pictures)


@pytest.mark.parametrize(
    ("switches", "echo"),
    [("-s10 -f 0.7", "7 of 10 steps"), ("-s10 -f 0.4", "4 of 10"), ("-s50 -f 0.4", "20 of 50"), ("-s29 -f.7", "20 of")],
)
def test_c15_the_sketch_turns_into_a_fire(harness: SessionHarness, switches: str, echo: str) -> None:
    drawing(320, 320).save("fire-drawing.png")
    harness.run("!set --strip")
    line = f'"fire" -W384 -H384 -S1592514025 -I fire-drawing.png {switches}'
    (picture,) = harness.draw(line)
    taken = int(echo.split()[0])
    assert harness.saved[0].steps_taken == taken
    assert size(picture) == (384, 384)
    with Image.open(picture.with_name(f"{picture.stem}.steps.png")) as strip:
        assert strip.width > (taken + 1) * strip.height / 2  # what the model first sees, and each step


def test_c15_the_text_to_image_line(harness: SessionHarness) -> None:
    (picture,) = harness.draw(FIRE)
    assert harness.saved[0].steps_taken == 10 and size(picture) == (384, 384)


def test_a2_the_document_s_first_line() -> None:
    line = parse(
        "tree on a hill with a river, nature photograph, national geographic "
        "-I./test-pictures/tree-and-river-sketch.png -f 0.85"
    )
    assert isinstance(line, Generation)
    request = line.stages[0].request
    assert request.prompt == "tree on a hill with a river, nature photograph, national geographic"
    assert str(request.init_image) == "./test-pictures/tree-and-river-sketch.png" and request.strength == 0.85


def test_b1_quotes_are_optional(harness: SessionHarness) -> None:
    harness.run("fire -s2 -S1", '"fire" -s2 -S1', "it's a 5\\\" fire's glow -s2 -S1")
    assert harness.saved[0].line == harness.saved[1].line
    assert "it's" in harness.saved[2].line and "fire's glow" in harness.saved[2].line


def test_a11_a_small_source_gets_a_word_of_advice(harness: SessionHarness) -> None:
    drawing(32, 32).save("small.png")
    harness.draw("a cat -I small.png -s2 -W 128 -H 128")
    assert any("small" in notice or "32x32" in notice for notice in harness.notices)
