"""The evaluation: its prompts, the eye, and how pictures are judged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tests.training.synthetic_pictures import SyntheticSprites
from training.compositions.composition import Composition
from training.compositions.random_compositions import EVERYTHING, draw_picture, is_held_out_pair_of, is_held_out_thing
from training.evaluation.card import FIGURES, model_card
from training.evaluation.eye import Course, answers_of, examined, questions, seen_pictures, small, trained_eye
from training.evaluation.measure import marks
from training.evaluation.prompts import TABLES, Prompt, phrase_of, prompts_of
from training.networks.builders import Widths, build_autoencoder
from training.pictures.sprites import ColouredSprites
from training.pictures.things import by_name, things
from training.stages.views import PictureMaker
from training.text.words import known_words

RED, BLUE = by_name()["apple"].code, by_name()["whale"].code


@pytest.fixture(scope="module")
def maker() -> PictureMaker:
    """Return a maker of pictures with synthetic things and a small autoencoder."""
    torch.manual_seed(0)
    widths = Widths(autoencoder=(8, 8, 16, 16), unet=(), text=0, text_layers=0)
    return PictureMaker(sprites=ColouredSprites(SyntheticSprites()), vae=build_autoencoder(widths).eval())


class ColourEye(nn.Module):
    """An eye that sees an apple in red pictures and a whale in all others."""

    def forward(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        """Return scores for every question."""
        scores = [torch.zeros(len(pixels), len(answers)) for answers in questions().values()]
        red = pixels[:, 0].mean(dim=(1, 2)) > pixels[:, 2].mean(dim=(1, 2))
        for row, is_red in enumerate(red.tolist()):
            scores[0][row, questions()["thing"].index(RED if is_red else BLUE)] = 1.0
        return scores


def halves(left: str, right: str) -> Image.Image:
    """Return a picture of two colours side by side."""
    image = Image.new("RGB", (64, 64), left)
    image.paste(Image.new("RGB", (32, 64), right), (32, 0))
    return image


@pytest.fixture(scope="module")
def words() -> set[str]:
    """Return the words that mean something to the model."""
    return set(known_words(captions=2000))


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_prompts_of_known_words(table: str, words: set[str]) -> None:
    prompts = prompts_of(table, most=60)
    assert len(prompts) >= 40
    for prompt in prompts:
        unknown = {word for word in prompt.text.replace(",", "").replace("-", " ").split() if word.isalpha()} - words
        assert not unknown, prompt.text
        for question, wanted in prompt.wanted.items():
            assert wanted in questions()[question]


def test_all_things_are_asked_for_once() -> None:
    assert [prompt.wanted["thing"] for prompt in prompts_of("things")] == [thing.code for thing in things()]


def test_pairs_places_and_colours_are_asked_in_held_out_combinations_only() -> None:
    assert all(is_held_out_pair_of(prompt.wanted["thing"], prompt.second) for prompt in prompts_of("pairs"))
    assert all(is_held_out_thing(p.wanted["thing"], "", p.wanted["place"]) for p in prompts_of("places"))
    assert all(is_held_out_thing(p.wanted["thing"], p.wanted["colour"], "") for p in prompts_of("recoloured"))
    rng = np.random.default_rng(2)
    drawn = [draw_picture(rng, EVERYTHING) for _ in range(800)]
    pairs = [scene.figures for scene in drawn if isinstance(scene, Composition) and scene.relation]
    assert pairs and not any(is_held_out_pair_of(first.kind, second.kind) for first, second in pairs)


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("apple", "an apple"),
        ("sun", "the sun"),
        ("bread", "bread"),
        ("ufo", "a ufo"),
        ("umbrella", "an umbrella"),
        ("hourglass", "an hourglass"),
        ("jeans", "jeans"),
    ],
)
def test_a_thing_is_said_as_people_say_it(name: str, phrase: str) -> None:
    assert phrase_of(by_name()[name]) == phrase


def test_an_eye_learns_to_tell_shapes_and_is_kept(maker: PictureMaker, tmp_path: Path) -> None:
    eye = trained_eye(maker, tmp_path / "eye.pt", Course(pictures=24, rounds=1, batch=8))
    figures = examined(eye, maker, count=16)
    assert set(figures) == {*questions(), "thing within five"} and all(0 <= value <= 1 for value in figures.values())
    again = trained_eye(maker, tmp_path / "eye.pt")
    pixels, truth = seen_pictures(maker, 8, seed=3)
    assert pixels.shape == (8, 64, 64, 3) and truth.shape == (8, len(questions()))
    first, second = (answers_of(known, pixels)["thing"] for known in (eye, again))
    assert np.array_equal(first, second)


def test_a_wrong_thing_is_reported_with_what_was_seen() -> None:
    prompts = [Prompt(text="an apple", wanted={"thing": RED}), Prompt(text="a whale", wanted={"thing": BLUE})]
    found = marks(ColourEye(), prompts, [Image.new("RGB", (64, 64), "red")] * 2)  # type: ignore[arg-type]
    assert found.shares["thing"] == 0.5 and found.missed == (("a whale", RED),)


def test_both_of_a_pair_must_be_seen_and_their_order_where_it_is_asked() -> None:
    texts = ("an apple and a whale", "an apple to the left of a whale", "an apple to the left of a whale")
    prompts = [Prompt(text=text, wanted={"thing": RED}, second=BLUE) for text in texts]
    images = [halves("blue", "red"), halves("red", "blue"), halves("blue", "red")]
    found = marks(ColourEye(), prompts, images)  # type: ignore[arg-type]
    assert found.shares == {"both": 1.0, "both in order": 0.5}
    alike = marks(ColourEye(), prompts[:1], [halves("red", "red")])  # type: ignore[arg-type]
    assert alike.shares["both"] == 0.0 and alike.missed


def test_the_eye_sees_pictures_at_its_own_size() -> None:
    assert small(Image.new("RGBA", (256, 128), "red")).shape == (64, 64, 3)


def test_the_card_lists_what_is_known_and_what_was_measured(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    figures = {"things": {"thing": 0.971, "thing within five": 0.998}, "pairs": {"both": 0.5}}
    asked = {"side": 256, "seeds": 4, "guidance": 5.0}
    report.write_text(json.dumps({**asked, "figures": figures, "eye": {"thing": 0.985}}))
    card = model_card(report)
    assert "97.1%" in card and "50.0%" in card and "98.5%" in card and "Microsoft" in card
    assert all(thing.names[0] in card for thing in things())
    assert "Not measured yet" in model_card(None)


def test_the_figures_of_the_card_are_those_of_the_evaluation() -> None:
    assert {table for table, _, _ in FIGURES} <= set(TABLES)
