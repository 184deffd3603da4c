"""Image analysis of pairs: touching objects are two, colours are the objects' own, and wrong images fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from training.evaluation.examination import Examination, Question, examination, scores
from training.evaluation.image_analysis import things_in
from training.evaluation.media_classifier import MediumClassifier, pixels_of
from training.rendering.canvas import Array
from training.rendering.random_scenes import pair, single
from training.rendering.render import render
from training.rendering.scene import PALETTE, THINGS, Item, Objects

# They train a classifier and draw many pictures.
pytestmark = pytest.mark.slow

NO_CLASSIFIER = MediumClassifier(media=(), means=np.zeros(0), inverses=np.zeros(0), offsets=np.zeros(0))


@pytest.fixture(scope="module")
def pairs() -> list[Objects]:
    rng = np.random.default_rng(77)
    return [pair(rng, "plain") for _ in range(60)]


def pair_scores(requested: Sequence[Objects], images: Sequence[Array]) -> dict[str, float]:
    questions = [Question(scene=scene, prompt="") for scene in requested]
    return scores(Examination(singles=[], pairs=questions, views=[], media=[]), images, NO_CLASSIFIER)


def touching(scene: Objects) -> Objects:
    """Return a pair of circles, moved together until their outlines meet."""
    first, second = (replace(item, kind="circle", radius=0.17) for item in scene.items)
    near, far = 0.5 - 0.165, 0.5 + 0.165
    if scene.relation == "left":
        return replace(scene, items=(replace(first, x=near, y=0.5), replace(second, x=far, y=0.5)))
    return replace(scene, items=(replace(first, x=0.5, y=near), replace(second, x=0.5, y=far)))


def recoloured(scene: Objects, which: int, rng: np.random.Generator) -> Objects:
    taken = {scene.backdrop, *(item.colour for item in scene.items)}
    other = str(rng.choice([name for name in PALETTE if name not in taken]))
    items: list[Item] = list(scene.items)
    items[which] = replace(items[which], colour=other)
    return replace(scene, items=tuple(items))


def test_true_images_of_pairs_pass(pairs: list[Objects]) -> None:
    figures = pair_scores(pairs, [pixels_of(render(scene)) for scene in pairs])
    assert figures == {"pair": 1.0, "left and right": 1.0, "above and below": 1.0}


def test_touching_objects_are_counted_as_two(pairs: list[Objects]) -> None:
    scenes = [touching(scene) for scene in pairs]
    images = [pixels_of(render(scene)) for scene in scenes]
    assert all(len(things_in(image, 3)) == 1 for image in images[:8])  # they touch
    figures = pair_scores(scenes, images)
    assert figures["pair"] == 1.0 and figures["left and right"] == figures["above and below"] == 1.0


def test_an_object_of_another_colour_fails(pairs: list[Objects]) -> None:
    rng = np.random.default_rng(5)
    requested = [recoloured(scene, which, rng) for scene in pairs for which in (0, 1)]
    images = [image for scene in pairs for image in [pixels_of(render(scene))] * 2]
    assert pair_scores(requested, images)["pair"] <= 0.03


def test_objects_in_the_wrong_order_fail(pairs: list[Objects]) -> None:
    turned = [replace(scene, items=scene.items[::-1]) for scene in pairs]
    figures = pair_scores(turned, [pixels_of(render(scene)) for scene in pairs])
    assert figures["left and right"] == figures["above and below"] == 0.0


def test_one_object_alone_fails(pairs: list[Objects]) -> None:
    rng = np.random.default_rng(9)
    alone = [pixels_of(render(single(rng, "plain", THINGS))) for _ in pairs]
    assert pair_scores(pairs, alone)["pair"] <= 0.03


def test_the_colour_of_a_boat_is_its_hull_s(pairs: list[Objects]) -> None:
    colours = ("green", "brown")
    afloat = tuple(
        replace(item, kind="boat", colour=colour, rgb=PALETTE[colour], x=x, y=0.5, radius=0.16)
        for item, colour, x in zip(pairs[0].items, colours, (0.25, 0.75), strict=True)
    )
    scene = replace(pairs[0], items=afloat, relation="left", backdrop="yellow", backdrop_rgb=PALETTE["yellow"])
    image = pixels_of(render(scene))
    assert pair_scores([scene], [image]) == {"pair": 1.0, "left and right": 1.0}
    left, right = sorted(things_in(image, 2), key=lambda seen: seen.x)
    assert left.shares["green"] > 0.25 > right.shares["green"]


def test_a_background_that_is_not_requested_is_not_checked() -> None:
    requested = examination().singles
    without_background = [q for q in requested if "background" not in q.prompt and " on " not in q.prompt]
    assert 5 < len(without_background) < len(requested) / 2
    blank: Array = np.full((64, 64, 3), 128, dtype=np.float32)
    figures = scores(
        Examination(singles=without_background, pairs=[], views=[], media=[]),
        [blank] * len(without_background),
        NO_CLASSIFIER,
    )
    assert "background" not in figures and figures["colour"] == 0.0
