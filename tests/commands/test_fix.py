"""!fix of any image or a pattern: with the image's prompt and seed, and never overwriting it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.metadata.codecs import recall
from invoke_cli.metadata.containers.text_chunks import read_chunks
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, digest, size


@pytest.mark.feature("upscale")
def test_fix_takes_prompt_and_seed_from_the_file_and_records_its_parent(harness: SessionHarness) -> None:
    (parent,) = harness.draw("a red boat [fog] -s4 -S 11 -C 3")
    before = digest(parent)
    (child,) = harness.draw("!fix !1 -U2")
    assert digest(parent) == before and child.name == "000002.11.png"
    request = recall(child).request
    assert (request.prompt, request.seeds, request.guidance_scale, request.fix) == ("a red boat [fog]", (11,), 3, True)
    assert list(request.upscale or ()) == [2, 0.25]
    document = json.loads(read_chunks(child)["sd-metadata"])
    assert document["parents"] == [{"name": parent.name, "sha256": before}]


@pytest.mark.feature("fix")
@pytest.mark.parametrize("name", ["photo.jpg", "with blank.webp", "palette.png"])
def test_fix_takes_any_image_format(fake_session: SessionHarness, name: str) -> None:
    source = drawing(70, 50)
    (source.convert("P") if name == "palette.png" else source).save(name)
    before = digest(Path(name))
    (result,) = fake_session.draw(f'!fix "{name}" -U 2')
    assert size(result) == (140, 100) and digest(Path(name)) == before


def test_fix_keeps_transparency(real_session: SessionHarness) -> None:
    source = drawing(40, 30)
    alpha = Image.linear_gradient("L").resize((40, 30))
    source.putalpha(alpha)
    source.save("glass.png")
    (result,) = real_session.draw("!fix glass.png -U 2 0")
    with Image.open(result) as image:
        assert image.mode == "RGBA"
        assert image.getchannel("A").tobytes() == alpha.resize((80, 60), Image.Resampling.LANCZOS).tobytes()
        assert image.convert("RGB").tobytes() == drawing(40, 30).resize((80, 60), Image.Resampling.LANCZOS).tobytes()
    real_session.run(f"!verify {result}")
    assert real_session.messages.count(": identical") == 1
    (chained,) = real_session.draw("!fix glass.png -U 2 0 | oil -f .5 -s 2 -W 64 -H 64")
    with Image.open(chained) as image:
        assert image.mode == "RGB"


def test_fix_takes_a_pattern(fake_session: SessionHarness) -> None:
    for number in range(3):
        drawing(40 + number, 40).save(f"p{number}.png")
    assert [size(path) for path in fake_session.draw("!fix p*.png -U2")] == [(80, 80), (82, 80), (84, 80)]


@pytest.mark.feature("upscale-prompted")
def test_fix_with_u4_a_new_prompt_and_20_steps(real_session: SessionHarness) -> None:
    drawing(24, 16).save("low.png")
    (result,) = real_session.draw('!fix low.png -U4 --new_prompt "high quality, detailed, sharp" -s20')
    assert size(result) == (96, 64)
    assert "-s 20" in real_session.saved[0].line and "-U 4 0.25" in real_session.saved[0].line
