"""200 random lines over the switches for images: each gives an image that verifies and replays, or one error."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed, Saved
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, pixels

PROMPTS = (
    "a cat",
    "a castle++ on a hill",
    "{a red|a blue} fire",
    "a landscape [trees]",
    '("a fox","a cat").blend(.4,.6)',
)
SWITCHES: Sequence[Sequence[str]] = (
    ("-I photo.png", "-I photo.png", "-I holed.png", "-I odd.jpg", "", ""),
    ("-f .6", "-f 1", "-f 0", "-f .5,.3", "-f .9", "", ""),
    ("-M mask.png", "-M mask.png --invert_mask", "-c top 24", "-c left 8 bottom 40", "", "", "", ""),
    ("--mask_blur 3", "--mask_grow 4", "", "", "", ""),
    ("--fit -W 96 -H 80", "--pad -W 128 -H 128", "--crop -W 64 -H 72", "--stretch -W 64 -H 64", "-W 96 -H 64",
     "", "", ""),
    ("-n 2", "-n 2 -v .2", "-V 5:.3", "-S 1,2", "", "", "", ""),
    ("--eta .5 -A ddim", "-A dpmpp_2m", "-A k_euler_a", "-A k_heun", "-A plms", "", ""),
    ("--clip_skip 1", "--cfg_rescale .4", "--threshold 3", "--perlin .2", "--seamless", "--hires_fix",
     "--h_symmetry_time_pct .3", "", ""),
    ("-U 2", "--match_colors", "--match_colors chroma", "-U 1.5 .3", "", "", "", ""),
    ("--strip", "--save_all", "--private", "--real_steps 2", "--save_original", "", "", "", ""),
    ("| an oil painting -f .4", "| snow -f .5 -A ddim", "| -c right 16", "", "", "", ""),
)  # fmt: skip


def lines(count: int, seed: int) -> list[str]:
    """Return random lines, each of a prompt and about four switches."""
    chance = random.Random(seed)  # not for secrets
    result = []
    for number in range(count):
        switches = [chance.choice(choices) for choices in SWITCHES]
        if "-S" not in " ".join(switches):
            switches.insert(0, f"-S {number}")
        result.append(" ".join([chance.choice(PROMPTS), f"-s {chance.randint(1, 4)}", *filter(None, switches)]))
    return result


@pytest.mark.parametrize("part", [pytest.param(0), *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 8))])
def test_every_line_gives_an_image_that_verifies_or_one_error(real_session: SessionHarness, part: int) -> None:
    drawing(100, 70).save("photo.png")
    drawing(91, 53).save("odd.jpg")
    holed = drawing(96, 64)
    holed.putalpha(Image.linear_gradient("L").resize((96, 64)).point(lambda value: 255 if value > 90 else 0))
    holed.save("holed.png")
    Image.linear_gradient("L").resize((50, 60)).point(lambda value: 255 if value > 170 else 0).save("mask.png")
    succeeded = 0
    for line in lines(25, part):
        outcome = real_session.run(line)
        errors = real_session.of(Failed)
        if outcome is not Outcome.OK:
            assert len(errors) == 1 and errors[0].error.hint, line
            assert "internal error" not in errors[0].error.message, line
            continue
        paths = [real_session.folder / event.path for event in real_session.of(Saved)]
        assert paths and not errors, line
        succeeded += 1
        for path in paths if "--private" not in line else ():
            assert real_session.run(f"!verify {path}") is Outcome.OK, (line, real_session.messages)
            assert "identical" in real_session.messages, line
        if succeeded % 6 == 0 and "--private" not in line:
            (again,) = real_session.draw(f"!replay {paths[0]}")
            assert pixels(again) == pixels(paths[0]), line
    assert succeeded > 8
