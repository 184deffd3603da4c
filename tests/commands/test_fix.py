"""!fix, as a user meets it: of any picture or a pattern of them, with their own words and seed, never over them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.metadata import recall
from invoke_cli.metadata.containers.text_chunks import read_chunks
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, digest, size


def test_fix_takes_words_and_seed_from_the_file_and_names_its_parent(harness: SessionHarness) -> None:
    (parent,) = harness.draw("a red boat [fog] -s4 -S 11 -C 3")
    before = digest(parent)
    (child,) = harness.draw("!fix !1 -U2")
    assert digest(parent) == before and child.name == "000002.11.png"
    request = recall(child).request
    assert (request.prompt, request.seeds, request.guidance_scale, request.fix) == ("a red boat [fog]", (11,), 3, True)
    assert list(request.upscale or ()) == [2, 0.25]
    document = json.loads(read_chunks(child)["sd-metadata"])
    assert document["parents"] == [{"name": parent.name, "sha256": before}]


@pytest.mark.parametrize("name", ["photo.jpg", "with blank.webp", "palette.png"])
def test_fix_takes_any_picture(fake_session: SessionHarness, name: str) -> None:
    picture = drawing(70, 50)
    (picture.convert("P") if name == "palette.png" else picture).save(name)
    before = digest(Path(name))
    (made,) = fake_session.draw(f'!fix "{name}" -U 2')
    assert size(made) == (140, 100) and digest(Path(name)) == before


def test_fix_keeps_transparency(real_session: SessionHarness) -> None:
    picture = drawing(40, 30)
    alpha = Image.linear_gradient("L").resize((40, 30))
    picture.putalpha(alpha)
    picture.save("glass.png")
    (made,) = real_session.draw("!fix glass.png -U 2 0")
    with Image.open(made) as image:
        assert image.mode == "RGBA"
        assert image.getchannel("A").tobytes() == alpha.resize((80, 60), Image.Resampling.LANCZOS).tobytes()
        assert image.convert("RGB").tobytes() == drawing(40, 30).resize((80, 60), Image.Resampling.LANCZOS).tobytes()
    real_session.run(f"!verify {made}")
    assert real_session.messages.count(": identical") == 1
    (drawn,) = real_session.draw("!fix glass.png -U 2 0 | oil -f .5 -s 2 -W 64 -H 64")
    with Image.open(drawn) as image:
        assert image.mode == "RGB"


def test_fix_takes_a_pattern(fake_session: SessionHarness) -> None:
    for number in range(3):
        drawing(40 + number, 40).save(f"p{number}.png")
    assert [size(path) for path in fake_session.draw("!fix p*.png -U2")] == [(80, 80), (82, 80), (84, 80)]


def test_h2_the_worked_example(real_session: SessionHarness) -> None:
    drawing(24, 16).save("low.png")
    (made,) = real_session.draw('!fix low.png -U4 --new_prompt "high quality, detailed, sharp" -s20')
    assert size(made) == (96, 64)
    assert "-s 20" in real_session.saved[0].line and "-U 4 0.25" in real_session.saved[0].line
