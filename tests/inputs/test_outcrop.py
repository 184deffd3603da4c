"""Outcrop: an image is extended at its sides, keeps its pixels exactly, and only its borders are denoised."""

from __future__ import annotations

import numpy as np
import pytest

from invoke_cli.context.outcome import Outcome
from tests.sample_images import disc, drawing
from tests.session_harness import SessionHarness, size, values


@pytest.mark.feature("outpaint")
def test_outcrop_extends_the_sides_and_keeps_the_image_exactly(harness: SessionHarness) -> None:
    source = drawing(150, 90)
    source.save("photo.png")
    (result,) = harness.draw("a cat -I photo.png -c top 40 right 70 left 1 -s2 -S5")
    pixels = values(result)
    assert pixels.shape == (130, 221, 3)
    assert (pixels[40:, 1:151] == np.asarray(source)).all()
    assert any("extending the image to 221x130" in text for text in harness.notices)
    line = harness.saved[0].line
    assert "-f 0.9" in line and "-c top 40 right 70 left 1" in line
    assert harness.run(f"!verify {result.name}") is Outcome.OK
    (again,) = harness.draw(line)
    assert (values(again) == pixels).all()


def test_outcrop_denoises_only_the_border(harness: SessionHarness) -> None:
    calls = []
    for side in (300, 600):
        drawing(side, 200).save("photo.png")
        harness.draw("a cat -I photo.png -c right 40 -s2 -S5 -f1 --trace")
        calls.append(next(text for text in harness.traces if "denoiser_calls" in text))
    assert calls[0] == calls[1]


def test_outcrop_combines_with_a_mask_and_continues_in_a_chain(harness: SessionHarness) -> None:
    drawing(96, 64).save("photo.png")
    disc(96, 64).save("mask.png")
    (result,) = harness.draw("a cat -I photo.png -M mask.png -c bottom 24 -s2 -S5 | a dog -f .5 | -c left 16")
    assert size(result) == (112, 88)
    (holed,) = harness.draw("a cat -I photo.png -M mask.png -c bottom 24 -s2 -S5 -f1")
    changed = (values(holed)[:64] != np.asarray(drawing(96, 64))).any(axis=-1)
    painted = np.asarray(disc(96, 64)) > 0
    assert changed[painted].mean() > 0.3 and not changed[~painted].any()
    assert harness.run(f"!verify {result.name}") is Outcome.OK


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a cat -c top 64", "-c needs an init image"),
        ("a cat -I photo.png -c top 64 --fit", "cannot be combined with -c"),
        ("a cat -I photo.png -c top 8192 right 8192 left 8192", "the image with its borders would be"),
    ],
)
def test_impossible_outcrops_are_errors(harness: SessionHarness, line: str, message: str) -> None:
    drawing(96, 64).save("photo.png")
    assert harness.run(line) is not Outcome.OK
    assert message in harness.errors[-1]


def test_variations_of_outcropped_images_differ_in_the_border(harness: SessionHarness) -> None:
    source = drawing(96, 64)
    source.save("photo.png")
    first, second = harness.draw("a cat -I photo.png -c right 32 -s2 -S5 -n2 -v .3")
    assert size(first) == size(second) == (128, 64)
    assert (values(first)[:, :96] == np.asarray(source)).all() and (values(second)[:, :96] == np.asarray(source)).all()
    assert (values(first) != values(second)).any()
    assert harness.run(f"!verify {first} {second}") is Outcome.OK
