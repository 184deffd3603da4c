"""The renderer: every scene at every size, deterministically, and readable by the image analysis."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.image_analysis import background_colour, things_in
from training.evaluation.media_classifier import pixels_of, time_of_day
from training.rendering.mixes import NARROW, WIDE
from training.rendering.random_scenes import draw_scene, hearth, landscape, pair, scattered, single
from training.rendering.render import render
from training.rendering.scene import KINDS, MEDIA, SHAPES, TIMES


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_visible_on_its_background(kind: str) -> None:
    scene = single(np.random.default_rng(1), "plain", (kind,))
    pixels = pixels_of(render(scene))
    assert background_colour(pixels) == scene.backdrop
    assert things_in(pixels, 1)


@pytest.mark.parametrize("seed", range(12))
def test_shapes_are_recognised_by_outline_and_colour(seed: int) -> None:
    scene = single(np.random.default_rng(seed), "plain", SHAPES)
    (seen,) = things_in(pixels_of(render(scene)), 1)
    item = scene.items[0]
    assert (seen.shape, seen.colour) == (item.kind, item.colour)
    assert abs(seen.x - item.x) < 0.1 and abs(seen.y - item.y) < 0.1


@pytest.mark.parametrize("seed", range(6))
def test_the_first_of_a_pair_is_left_of_or_above_the_second(seed: int) -> None:
    scene = pair(np.random.default_rng(seed), "plain")
    first, second = scene.items
    assert first.x < second.x if scene.relation == "left" else first.y < second.y


def test_scattered_objects_are_anywhere_inside_the_image() -> None:
    rng = np.random.default_rng(4)
    items = [scattered(rng, single(rng, "plain", SHAPES)).items[0] for _ in range(300)]
    assert all(each.radius < place < 1 - each.radius for each in items for place in (each.x, each.y))
    small = np.array([(each.x, each.y) for each in items if each.size == "small"])
    assert (small.std(axis=0) > 0.18).all()  # for a uniform distribution it is 0.19 to 0.21


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("size", [(64, 64), (128, 192), (96, 64)])
def test_every_medium_renders_every_scene_at_any_size(medium: str, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    for scene in (single(rng, medium, KINDS), pair(rng, medium), landscape(rng, medium), hearth(rng, medium)):
        assert render(scene, *size).size == size


def test_a_scene_always_renders_to_the_same_image() -> None:
    scenes = [draw_scene(np.random.default_rng(5), WIDE) for _ in range(2)]
    assert scenes[0] == scenes[1]
    first, second = (np.asarray(render(scene, 64, 64)) for scene in scenes)
    assert np.array_equal(first, second)


def test_the_narrow_mix_has_only_single_plain_objects() -> None:
    rng = np.random.default_rng(8)
    for _ in range(50):
        scene = draw_scene(rng, NARROW)
        assert scene.medium == "plain" and len(scene.items) == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("time", TIMES)
def test_the_time_of_day_is_recognised(time: str) -> None:
    rng = np.random.default_rng(11)
    views = [view for view in (landscape(rng, "plain") for _ in range(24)) if view.time == time]
    assert views
    assert all(time_of_day(pixels_of(render(view))) == time for view in views)


def test_the_time_of_day_is_recognised_in_a_storm() -> None:
    rng = np.random.default_rng(123)
    storms = [view for view in (landscape(rng, "plain") for _ in range(600)) if view.storm]
    assert {view.time for view in storms} == set(TIMES)
    assert [view for view in storms if time_of_day(pixels_of(render(view))) != view.time] == []


def test_brown_mountains_under_a_blue_sky_are_not_a_sunset() -> None:
    rng = np.random.default_rng(2)
    day = next(v for v in (landscape(rng, "plain") for _ in range(200)) if v.time == "day" and not v.storm)
    pixels = pixels_of(render(day))
    pixels[60:120] = (124, 90, 60)
    assert time_of_day(pixels) == "day"
