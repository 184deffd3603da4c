"""Compositions: random ones, their pictures, captions and labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.synthetic_pictures import SyntheticSprites
from training.compositions.composition import GROUNDED, LOOKS, PLACES, Composition, Figure, Setting
from training.compositions.drawing import render_any, render_composition
from training.compositions.labels import attributes, composition_labels
from training.compositions.random_compositions import (
    EVERYTHING,
    NARROW,
    READING,
    Blend,
    draw_picture,
    is_held_out_composition,
)
from training.compositions.wording import describe, names_of
from training.evaluation.image_analysis import background_colour, nearest_colour
from training.evaluation.media_classifier import pixels_of
from training.pictures.recolouring import recoloured
from training.pictures.sprites import SIDE, ColouredSprites, shape_sprite
from training.pictures.things import by_name, plural_of, things
from training.rendering.scene import MEDIA, PALETTE, Scene
from training.text.words import any_caption, known_words, said_caption

SPRITES = ColouredSprites(SyntheticSprites())
CAT = by_name()["cat"].code


def random_pictures(blend: Blend, count: int, seed: int = 5) -> list[Scene | Composition]:
    """Return random pictures of a blend."""
    rng = np.random.default_rng(seed)
    return [draw_picture(rng, blend) for _ in range(count)]


def compositions(blend: Blend, count: int, seed: int = 5) -> list[Composition]:
    """Return those of the random pictures that are compositions."""
    return [scene for scene in random_pictures(blend, count, seed) if isinstance(scene, Composition)]


def figure(**changes: object) -> Figure:
    """Return a large cat in the middle, with changes."""
    cat = Figure(kind=CAT, colour="", size="large", x=0.5, y=0.5, scale=0.7)
    return replace(cat, **changes)  # type: ignore[arg-type]


def composition(setting: Setting, *figures: Figure, medium: str = "plain") -> Composition:
    """Return a composition of figures in a setting."""
    return Composition(seed=3, medium=medium, look="3d", figures=figures, setting=setting)


def plain(colour: str) -> Setting:
    """Return a backdrop of a colour."""
    return Setting(backdrop=colour, backdrop_rgb=PALETTE[colour])


def test_narrow_pictures_are_single_things_on_plain_backgrounds() -> None:
    for scene in compositions(NARROW, 200):
        assert len(scene.figures) == 1 and scene.figures[0].colour == "" and scene.setting.place == ""
        assert scene.medium == "plain" and scene.look == "3d"


def test_everything_has_all_kinds_of_pictures() -> None:
    scenes = compositions(EVERYTHING, 1500)
    assert {scene.setting.place for scene in scenes} == {"", *PLACES}
    assert {scene.medium for scene in scenes} == set(MEDIA) and {scene.look for scene in scenes} == set(LOOKS)
    assert {scene.count for scene in scenes} == {1, 2, 3}
    assert {scene.relation for scene in scenes} == {"", "and", "left", "above"}
    assert {item.size for scene in scenes for item in scene.figures} == {"small", "medium", "large"}


def test_no_held_out_combination_is_drawn() -> None:
    assert not any(is_held_out_composition(scene) for scene in compositions(EVERYTHING, 600))


def test_pairs_are_held_out_in_either_order() -> None:
    first, second = figure(), figure(kind=by_name()["dog"].code)
    scene = replace(composition(plain("white"), first, second), relation="left")
    other = replace(scene, figures=(second, first))
    assert is_held_out_composition(scene) == is_held_out_composition(other)


def test_only_things_without_a_side_are_mirrored() -> None:
    fixed = {thing.code for thing in things() if not thing.mirrors}
    shown = [item for scene in compositions(EVERYTHING, 2000) for item in scene.figures]
    assert any(item.mirrored for item in shown)
    assert not any(item.mirrored for item in shown if item.kind in fixed)


@pytest.mark.parametrize("size", [(64, 64), (128, 128), (96, 64), (64, 96)])
def test_every_kind_of_picture_is_rendered_at_any_size_and_always_the_same(size: tuple[int, int]) -> None:
    for scene in random_pictures(EVERYTHING, 25):
        image = render_any(scene, SPRITES, *size)
        assert image.size == size and image.mode == "RGB"
        assert image.tobytes() == render_any(scene, SPRITES, *size).tobytes()


@pytest.mark.parametrize("place", PLACES)
def test_every_place_differs_from_the_others_at_its_times(place: str) -> None:
    times = ("day", "night") if place not in ("space", "underwater", "moon", "table") else ("",)
    for time in times:
        scene = composition(Setting(place=place, time=time), figure(scale=0.3, y=0.7))
        pixels = np.asarray(render_composition(scene, SPRITES, 64, 64))
        assert pixels.std() > 5
    if len(times) == 2:
        light = [
            np.asarray(
                render_composition(composition(Setting(place=place, time=time), figure(scale=0.2)), SPRITES, 64, 64)
            ).mean()
            for time in times
        ]
        assert light[1] < 0.75 * light[0]


def test_figures_stand_on_the_ground_and_cast_a_shadow() -> None:
    setting = Setting(place="table")
    low = figure(scale=0.4, y=0.7)
    with_cat = np.asarray(render_composition(composition(setting, low), SPRITES, 128, 128), dtype=np.int16)
    elsewhere = replace(low, x=3.0)
    without = np.asarray(render_composition(composition(setting, elsewhere), SPRITES, 128, 128), dtype=np.int16)
    changed = np.abs(with_cat - without).sum(axis=2) > 12
    foot = round((0.7 + 0.2) * 128)
    assert changed[foot - 6 : foot].any() and changed[foot : foot + 4].any()
    assert "table" in GROUNDED


@pytest.mark.parametrize("colour", PALETTE)
def test_the_background_has_the_colour_that_is_asked_for(colour: str) -> None:
    image = render_composition(composition(plain(colour), figure()), SPRITES, 64, 64)
    assert background_colour(pixels_of(image)) == colour


@pytest.mark.parametrize("colour", PALETTE)
def test_a_recoloured_thing_has_the_colour_and_keeps_its_outline(colour: str) -> None:
    source = np.asarray(SyntheticSprites().sprite(CAT, "3d"))
    result = recoloured(source, PALETTE[colour])
    assert np.array_equal(result[..., 3], source[..., 3])
    inside = result[source[..., 3] > 200][:, :3]
    assert nearest_colour(np.median(inside, axis=0)) == colour


def test_recolouring_an_empty_picture_changes_nothing() -> None:
    empty = np.zeros((8, 8, 4), dtype=np.uint8)
    assert np.array_equal(recoloured(empty, PALETTE["red"])[..., 3], empty[..., 3])


def test_light_and_shade_stay_when_a_thing_is_recoloured() -> None:
    shaded = np.zeros((4, 8, 4), dtype=np.uint8)
    shaded[..., 3] = 255
    shaded[:, :4, :3], shaded[:, 4:, :3] = (200, 40, 40), (100, 20, 20)
    result = recoloured(shaded, PALETTE["green"])[..., :3].astype(int)
    assert result[0, 0].sum() > result[0, 7].sum() + 40


@pytest.mark.parametrize("kind", ["circle", "square", "triangle", "star", "heart", "diamond"])
def test_shapes_are_sprites_too(kind: str) -> None:
    sprite = shape_sprite(kind, PALETTE["blue"])
    assert sprite.size == (SIDE, SIDE) and sprite.getpixel((SIDE // 2, SIDE // 2)) == (*PALETTE["blue"], 255)


def test_captions_name_the_thing_the_colour_and_the_place() -> None:
    rng = np.random.default_rng(0)
    for scene in compositions(READING, 300):
        text = describe(scene, rng).lower()
        first = scene.figures[0]
        names = [plural_of(name) if scene.count > 1 else name for name in names_of(first.kind)]
        assert any(name in text for name in names), text
        assert "  " not in text and not text.startswith(" ")


def test_two_of_a_thing_are_said_in_the_plural() -> None:
    rng = np.random.default_rng(0)
    scene = composition(plain("white"), figure(kind=by_name()["mouse"].code), figure(kind=by_name()["mouse"].code))
    texts = {describe(scene, rng).lower() for _ in range(40)}
    assert all("mice" in text for text in texts)
    assert any("two" in text for text in texts)


def test_what_cannot_be_counted_is_never_several() -> None:
    for scene in compositions(READING, 1500):
        thing = next((thing for thing in things() if thing.code == scene.figures[0].kind), None)
        assert scene.count == 1 or thing is None or thing.countable


def test_labels_say_what_is_in_the_picture() -> None:
    scene = composition(Setting(place="beach", time="sunset"), figure(colour="blue"), medium="oil")
    labelled = dict(zip(attributes(), composition_labels(scene), strict=True))
    said = {name: classes[labelled[name] - 1] for name, classes in attributes().items() if labelled[name]}
    assert said["kind"] == CAT and said["colour"] == "blue" and said["medium"] == "oil"
    assert said["place"] == "beach" and said["time"] == "sunset" and "backdrop" not in said


def test_every_random_picture_has_labels_within_the_classes() -> None:
    for scene in random_pictures(READING, 200):
        numbers = composition_labels(scene)
        assert all(0 <= number <= len(classes) for number, classes in zip(numbers, attributes().values(), strict=True))


def test_one_caption_in_ten_is_empty() -> None:
    rng = np.random.default_rng(0)
    captions = [any_caption(scene, rng) for scene in random_pictures(EVERYTHING, 1200)]
    assert 0.05 < captions.count("") / len(captions) < 0.16
    assert all(said_caption(scene, rng) for scene in random_pictures(EVERYTHING, 200))


def test_the_known_words_are_those_of_names_and_captions() -> None:
    words = set(known_words(captions=300))
    assert {"cat", "spaceship", "wizard", "beach", "watercolor", "two"} <= words
    assert "cello" not in words and "bagses" not in words
