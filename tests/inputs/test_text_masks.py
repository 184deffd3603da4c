"""Masks found by words: what is painted is what CLIPSeg, called by hand, finds; and what stands in its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.language.switches.mask_query import parse_mask_query, phrases
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, pixels
from tests.tiny_models import build_tiny_clipseg

Heat = NDArray[np.float32]


@pytest.fixture
def seeing_house(real_session: SessionHarness) -> SessionHarness:
    """A session whose root holds a random CLIPSeg."""
    build_tiny_clipseg(real_session.folder / "root" / "models" / "clipseg")
    return real_session


def by_hand(harness: SessionHarness, image: Image.Image, phrase: str) -> Heat:
    """The stock model's answer, 0 to 1, in the picture's size."""
    import torch
    from transformers import CLIPSegForImageSegmentation, CLIPTokenizer, ViTImageProcessorPil

    folder = harness.folder / "root" / "models" / "clipseg"
    words = CLIPTokenizer.from_pretrained(folder)([phrase], padding="max_length", return_tensors="pt")
    pixels = ViTImageProcessorPil.from_pretrained(folder)(images=image, return_tensors="pt").pixel_values
    with torch.no_grad():
        logits = CLIPSegForImageSegmentation.from_pretrained(folder)(**words, pixel_values=pixels).logits
    side = torch.sigmoid(logits).reshape(1, 1, *logits.shape[-2:])
    heat: Heat = torch.nn.functional.interpolate(side, (image.height, image.width), mode="bilinear")[0, 0].numpy()
    return heat


def changed(path: Path, before: Image.Image) -> NDArray[np.bool_]:
    with Image.open(path) as image:
        differs: NDArray[np.bool_] = (np.asarray(image.convert("RGB")) != np.asarray(before)).any(axis=-1)
    return differs


def test_what_the_words_name_is_painted(seeing_house: SessionHarness) -> None:
    source = drawing(96, 64)
    source.save("photo.png")
    face, hair = by_hand(seeing_house, source, "face"), by_hand(seeing_house, source, "grey hair")
    middle = float(np.median(face))
    either = float(np.median(np.maximum(face, hair)))
    for words, painted in {
        f"face {middle:.4f}": face > round(middle, 4),
        f"NOT face {1 - middle:.4f}": 1 - face > round(1 - middle, 4),
        f"face OR grey hair {either:.4f}": np.maximum(face, hair) > round(either, 4),
        f"face AND NOT grey hair {middle:.4f}": np.minimum(face, 1 - hair) > round(middle, 4),
    }.items():
        (made,) = seeing_house.draw(f"a cat -I photo.png -tm {words} -s2 -S1 -f1 --mask_blur 0")
        found = changed(made, source)
        assert painted.any() and not found[~painted].any(), words
        assert found[painted].mean() > 0.5, words
        assert f"-tm {words}" in seeing_house.saved[0].line
        assert seeing_house.run(f"!verify {made.name}") is Outcome.OK


def test_in_a_chain_the_words_are_looked_for_in_the_stage_before(seeing_house: SessionHarness) -> None:
    (first,) = seeing_house.draw("a cat -s2 -S1")
    with Image.open(first) as image:
        before = image.convert("RGB")
    heat = by_hand(seeing_house, before, "face")
    threshold = round(float(np.median(heat)), 4)
    (made,) = seeing_house.draw(f"a cat -s2 -S1 | a dog -f1 -tm face {threshold} --mask_blur 0")
    found = changed(made, before)
    assert found.any() and not found[heat <= threshold].any()
    assert seeing_house.run(f"!verify {made.name}") is Outcome.OK


def test_without_the_weights_it_says_how_to_get_them(real_session: SessionHarness, sketch: Path) -> None:
    assert real_session.run(f"a cat -I {sketch.name} -tm face") is not Outcome.OK
    assert "the CLIPSeg weights for -tm are missing" in real_session.errors[0]
    assert not real_session.saved


@pytest.mark.parametrize("words", ["face AND", "NOT", "(face", "face)", "0.4", "a OR OR b"])
def test_words_that_cannot_be_read_are_an_error(fake_session: SessionHarness, sketch: Path, words: str) -> None:
    assert fake_session.run(f"a cat -I {sketch.name} -tm {words}") is not Outcome.OK
    assert "-tm" in fake_session.errors[0]


def test_not_binds_before_and_before_or() -> None:
    query = parse_mask_query("a b AND NOT c OR d .3")
    assert query.threshold == 0.3 and phrases(query.tree) == ("a b", "c", "d")
    assert parse_mask_query("((a b) AND (NOT c)) OR d").tree == query.tree


def test_mask_writes_what_would_be_painted(seeing_house: SessionHarness) -> None:
    source = drawing(96, 64)
    source.save("my photo.png")
    heat = by_hand(seeing_house, source, "face")
    threshold = round(float(np.median(heat)), 4)
    assert seeing_house.run(f'!mask "my photo.png" -tm face {threshold}') is Outcome.OK
    (path,) = (seeing_house.folder / "outputs").glob("*.mask.png")
    with Image.open(path) as image:
        assert ((np.asarray(image.convert("L")) > 0) == (heat > threshold)).all()
    assert f"use it with -M outputs/{path.name}" in seeing_house.messages
    (tinted,) = (seeing_house.folder / "outputs").glob("*.masked.png")
    assert not changed(tinted, source)[heat <= threshold].any()
    (by_file,) = seeing_house.draw(f'a cat -I "my photo.png" -M {path} -s2 -S1')
    (by_words,) = seeing_house.draw(f'a cat -I "my photo.png" -tm face {threshold} -s2 -S1')
    assert pixels(by_file) == pixels(by_words)


@pytest.mark.parametrize(
    "line", ["!mask", "!mask sketch.png", "!mask missing.png -tm face", "!mask -tm face", "!mask a | b"]
)
def test_mask_says_what_it_needs(fake_session: SessionHarness, sketch: Path, line: str) -> None:
    assert fake_session.run(line) is not Outcome.OK
    assert fake_session.errors and sketch.is_file()
