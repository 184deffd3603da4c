"""Init images of extreme aspects: the whole image comes back, at the size that the switches ask for."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from tests.sample_images import disc, drawing
from tests.session_harness import SessionHarness, is_fake, size, values


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ("", (64, 5)),
        ("--fit -W 128 -H 128", (128, 10)),
        ("-W 128 -H 128", (128, 10)),
        ("-W 192", (192, 15)),
        ("-W 128 --fit", (128, 10)),
        ("--fit -W 40 -H 40", (40, 3)),
        ("--crop -W 128 -H 64", (128, 64)),
    ],
)
def test_a_strip_keeps_its_content(harness: SessionHarness, switches: str, expected: tuple[int, int]) -> None:
    drawing(600, 48).save("strip.png")
    (unchanged,) = harness.draw(f"a cat -I strip.png {switches} -f 0")
    assert size(unchanged) == expected
    if "--crop" not in switches:
        whole = drawing(600, 48).resize(expected, Image.Resampling.LANCZOS)
        assert (values(unchanged) == np.asarray(whole)).all()
        assert any("the margin is cropped off" in text for text in harness.notices)
        assert not any("is changed to" in text for text in harness.notices)
    (result,) = harness.draw(f"a cat -I strip.png {switches} -s2 -S1 -f .8")
    assert size(result) == expected
    assert harness.run(f"!verify {unchanged} {result}") is Outcome.OK, harness.messages
    assert harness.messages.count("identical") == 2
    (pasted,) = harness.draw(f"!replay {result}")
    assert (values(pasted) == values(result)).all()


def test_the_margin_repeats_the_edge_of_a_strip(fake_session: SessionHarness) -> None:
    drawing(600, 48).save("strip.png")
    fake_session.draw("a cat -I strip.png -W 192 -s2 -S1")
    canvas = np.asarray(fake_session.session.context.engine.jobs[-1].init)  # type: ignore[attr-defined]
    assert canvas.shape == (64, 192, 3)
    assert (canvas[0] == canvas[24]).all() and (canvas[-1] == canvas[38]).all()


def test_variations_chains_and_masks_of_a_strip_keep_its_size(harness: SessionHarness) -> None:
    drawing(48, 600).save("strip.png")
    disc(48, 600).save("mask.png")
    lines = {
        "a cat -I strip.png --fit -W 128 -H 128 -s3 -S1 -f .8 -v .2 -n 3": 3,
        "a cat -I strip.png --fit -W 128 -H 128 -s3 -S1 -f .8 | oil -f .5": 1,
        "a cat -I strip.png --fit -W 128 -H 128 -s3 -S1 -f .9,.5": 1,
        "a cat -I strip.png -M mask.png --fit -W 128 -H 128 -s3 -S1 -f .8": 1,
        "a cat -I strip.png --fit -W 128 -H 128 -s3 -S1 -f .8 -U2": 1,
    }
    for line, count in lines.items():
        paths = harness.draw(line)
        assert len(paths) == count
        assert {size(path) for path in paths} == {(20, 256) if "-U2" in line else (10, 128)}, line
        assert harness.run(f"!verify {' '.join(map(str, paths))}") is Outcome.OK, (line, harness.messages)


def test_only_whole_strips_reach_the_model(fake_session: SessionHarness) -> None:
    assert is_fake(fake_session)
    Image.linear_gradient("L").resize((700, 30)).rotate(180).convert("RGB").save("ramp.png")
    fake_session.draw("a cat -I ramp.png --fit -W 256 -H 256 -s2 -S1")
    canvas = np.asarray(fake_session.session.context.engine.jobs[-1].init)  # type: ignore[attr-defined]
    source = np.asarray(Image.open("ramp.png"))
    assert abs(int(canvas[:, 0].max()) - int(source[:, 0].max())) < 8
    assert abs(int(canvas[:, -1].max()) - int(source[:, -1].max())) < 8
