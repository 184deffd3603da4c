"""The examination: its questions are held out from training, and true images pass it."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.examination import Examination, examination, scores
from training.evaluation.image_analysis import nearest_colour
from training.evaluation.media_classifier import MediumClassifier, fit_classifier, pixels_of
from training.evaluation.metrics import presence
from training.rendering.canvas import Array
from training.rendering.held_out import is_held_out
from training.rendering.mixes import NARROW, RICH, WIDE, Mix
from training.rendering.random_scenes import draw_scene, landscape, single
from training.rendering.render import render
from training.rendering.scene import MEDIA, PALETTE, SHAPES

# They train a classifier and draw many pictures.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def questions() -> Examination:
    return examination(0.25)


@pytest.fixture(scope="module")
def classifier() -> MediumClassifier:
    rng = np.random.default_rng(1)
    views = [(m, [pixels_of(render(landscape(rng, m))) for _ in range(16)]) for m in MEDIA]
    things = [(m, [pixels_of(render(single(rng, m, SHAPES))) for _ in range(16)]) for m in MEDIA]
    return fit_classifier([*views, *things])


def test_there_are_300_questions() -> None:
    assert len(examination().all()) == 300


def test_every_question_is_held_out_and_no_training_scene_is(questions: Examination) -> None:
    assert all(is_held_out(question.scene) for question in questions.all())
    rng = np.random.default_rng(3)
    assert not any(is_held_out(draw_scene(rng, mix)) for mix in (NARROW, RICH, WIDE) for _ in range(150))


def test_true_images_pass(questions: Examination, classifier: MediumClassifier) -> None:
    figures = scores(questions, [pixels_of(render(question.scene)) for question in questions.all()], classifier)
    assert min(figures[name] for name in ("colour", "shape", "background", "place", "time of day")) == 1.0
    assert min(figures[name] for name in ("pair", "left and right", "above and below", "medium")) > 0.8


def test_blank_images_fail(questions: Examination, classifier: MediumClassifier) -> None:
    blank: Array = np.full((64, 64, 3), 128, dtype=np.float32)
    figures = scores(questions, [blank] * len(questions.all()), classifier)
    assert max(figures[name] for name in ("colour", "shape", "pair")) == 0.0


@pytest.mark.parametrize("name", PALETTE)
def test_each_palette_colour_is_its_own_nearest(name: str) -> None:
    assert nearest_colour(np.array(PALETTE[name], dtype=np.float64)) == name


@pytest.mark.parametrize("name", ["trees", "snow"])
def test_presence_separates_views_with_trees_or_snow(name: str) -> None:
    rng = np.random.default_rng(0)
    views = [landscape(rng, "plain") for _ in range(60)]
    shown = {
        True: [v for v in views if (v.trees >= 4 if name == "trees" else v.winter and v.time == "day")],
        False: [v for v in views if (v.trees == 0 if name == "trees" else not v.winter)],
    }
    present, absent = (np.mean([presence(name, pixels_of(render(v))) for v in shown[key]]) for key in (True, False))
    assert present > 1.4 * absent


def test_the_shares_of_a_mix_add_up_to_1() -> None:
    for mix in (NARROW, RICH, WIDE):
        assert isinstance(mix, Mix)
        assert mix.shapes + mix.things + mix.pairs + mix.landscapes + mix.hearths == pytest.approx(1.0)
