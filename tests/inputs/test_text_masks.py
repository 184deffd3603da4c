"""Masks found by text: the painted area is the one that CLIPSeg finds."""

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
def clipseg_session(real_session: SessionHarness) -> SessionHarness:
    """A session whose root holds a random CLIPSeg."""
    build_tiny_clipseg(real_session.folder / "root" / "models" / "clipseg")
    return real_session


def stock_heat(harness: SessionHarness, image: Image.Image, phrase: str) -> Heat:
    """Return the stock model's heat map, from 0 to 1, at the image's size."""
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


@pytest.mark.feature("text-mask")
def test_the_painted_area_is_what_clipseg_finds(clipseg_session: SessionHarness) -> None:
    source = drawing(96, 64)
    source.save("photo.png")
    face, hair = stock_heat(clipseg_session, source, "face"), stock_heat(clipseg_session, source, "grey hair")
    middle = float(np.median(face))
    either = float(np.median(np.maximum(face, hair)))
    for words, painted in {
        f"face {middle:.4f}": face > round(middle, 4),
        f"NOT face {1 - middle:.4f}": 1 - face > round(1 - middle, 4),
        f"face OR grey hair {either:.4f}": np.maximum(face, hair) > round(either, 4),
        f"face AND NOT grey hair {middle:.4f}": np.minimum(face, 1 - hair) > round(middle, 4),
    }.items():
        (result,) = clipseg_session.draw(f"a cat -I photo.png -tm {words} -s2 -S1 -f1 --mask_blur 0")
        found = changed(result, source)
        assert painted.any() and not found[~painted].any(), words
        assert found[painted].mean() > 0.5, words
        assert f"-tm {words}" in clipseg_session.saved[0].line
        assert clipseg_session.run(f"!verify {result.name}") is Outcome.OK


def test_text_masks_in_a_chain_apply_to_the_previous_stage(clipseg_session: SessionHarness) -> None:
    (first,) = clipseg_session.draw("a cat -s2 -S1")
    with Image.open(first) as image:
        before = image.convert("RGB")
    heat = stock_heat(clipseg_session, before, "face")
    threshold = round(float(np.median(heat)), 4)
    (result,) = clipseg_session.draw(f"a cat -s2 -S1 | a dog -f1 -tm face {threshold} --mask_blur 0")
    found = changed(result, before)
    assert found.any() and not found[heat <= threshold].any()
    assert clipseg_session.run(f"!verify {result.name}") is Outcome.OK


def test_missing_clipseg_weights_are_an_error(real_session: SessionHarness, sketch: Path) -> None:
    assert real_session.run(f"a cat -I {sketch.name} -tm face") is not Outcome.OK
    assert "the CLIPSeg weights for -tm are missing" in real_session.errors[0]
    assert not real_session.saved


@pytest.mark.parametrize("words", ["face AND", "NOT", "(face", "face)", "0.4", "a OR OR b"])
def test_invalid_mask_queries_are_errors(fake_session: SessionHarness, sketch: Path, words: str) -> None:
    assert fake_session.run(f"a cat -I {sketch.name} -tm {words}") is not Outcome.OK
    assert "-tm" in fake_session.errors[0]


def test_not_binds_tighter_than_and_and_and_tighter_than_or() -> None:
    query = parse_mask_query("a b AND NOT c OR d .3")
    assert query.threshold == 0.3 and phrases(query.tree) == ("a b", "c", "d")
    assert parse_mask_query("((a b) AND (NOT c)) OR d").tree == query.tree


def test_mask_writes_the_mask_that_would_be_painted(clipseg_session: SessionHarness) -> None:
    source = drawing(96, 64)
    source.save("my photo.png")
    heat = stock_heat(clipseg_session, source, "face")
    threshold = round(float(np.median(heat)), 4)
    assert clipseg_session.run(f'!mask "my photo.png" -tm face {threshold}') is Outcome.OK
    (path,) = (clipseg_session.folder / "outputs").glob("*.mask.png")
    with Image.open(path) as image:
        assert ((np.asarray(image.convert("L")) > 0) == (heat > threshold)).all()
    assert f"use it with -M outputs/{path.name}" in clipseg_session.messages
    (tinted,) = (clipseg_session.folder / "outputs").glob("*.overlay.png")
    assert not changed(tinted, source)[heat <= threshold].any()
    (by_file,) = clipseg_session.draw(f'a cat -I "my photo.png" -M {path} -s2 -S1')
    (by_words,) = clipseg_session.draw(f'a cat -I "my photo.png" -tm face {threshold} -s2 -S1')
    assert pixels(by_file) == pixels(by_words)


@pytest.mark.parametrize(
    "line", ["!mask", "!mask sketch.png", "!mask missing.png -tm face", "!mask -tm face", "!mask a | b"]
)
def test_mask_without_an_image_or_a_query_is_an_error(fake_session: SessionHarness, sketch: Path, line: str) -> None:
    assert fake_session.run(line) is not Outcome.OK
    assert fake_session.errors and sketch.is_file()
