"""Captions of compositions: the words for places, looks and numbers, and how they are put together."""

from __future__ import annotations

import numpy as np

from training.compositions.composition import Composition, Figure, Setting
from training.pictures.things import Thing, by_code, plural_of
from training.text.captions import NAMED, UNSAID
from training.text.phrases import pick
from training.text.vocabulary import (
    COLOUR_WORDS,
    FLUFF,
    KIND_WORDS,
    MEDIUM_PREFIXES,
    MEDIUM_SUFFIXES,
    SIZE_WORDS,
    TIME_WORDS,
)

PLACE_WORDS: dict[str, tuple[str, ...]] = {
    "hill": ("on a hill", "on a green hill", "on the hill", "on top of a hill", "on a grassy hill"),
    "meadow": ("in a meadow", "in a field", "on the grass", "in the grass", "in the countryside", "on a lawn"),
    "beach": ("on the beach", "on a beach", "on a sandy beach", "at the beach", "by the sea", "on the sand"),
    "snow": ("in the snow", "in a snowy landscape", "on the snow", "in deep snow", "in winter"),
    "desert": ("in the desert", "in a desert", "on a sand dune", "on a dune", "in the sahara"),
    "mountains": ("in the mountains", "in front of mountains", "in a mountain landscape", "in the alps"),
    "city": ("in a city", "in the city", "in a street", "on a city street", "in town", "in front of skyscrapers"),
    "forest": ("in a forest", "in the forest", "in the woods", "in a jungle", "in the jungle", "among trees"),
    "moon": ("on the moon", "on the surface of the moon", "on the lunar surface"),
    "table": ("on a table", "on the table", "on a wooden table", "on a desk", "in a room"),
    "sea": ("in the sea", "on the sea", "on the water", "in the ocean", "on the ocean", "at sea"),
    "underwater": ("under water", "underwater", "under the sea", "at the bottom of the sea", "in an aquarium"),
    "sky": ("in the sky", "in the air", "in the clouds", "flying in the sky", "high in the sky"),
    "space": ("in space", "in outer space", "among the stars", "floating in space", "in the universe"),
}
VERBS: dict[str, tuple[str, ...]] = {
    "sea": ("floating", "swimming"),
    "underwater": ("swimming", "floating"),
    "sky": ("flying", "floating"),
    "space": ("flying", "floating"),
    "table": ("lying", "standing"),
}
RAIN_WORDS = ("in the rain", "on a rainy day", "in heavy rain", "rain")
LOOK_PREFIXES: dict[str, tuple[str, ...]] = {
    "3d": ("a 3d render of", "a 3d icon of", "a 3d model of", "a rendering of"),
    "flat": ("a flat sticker of", "a sticker of", "a flat icon of", "a flat drawing of", "a vector graphic of"),
    "cartoon": ("a cartoon sticker of", "a cartoon of", "an emoji of", "a cartoon drawing of"),
}
LOOK_SUFFIXES: dict[str, tuple[str, ...]] = {
    "3d": ("3d render", "3d", "3d icon", "3d art"),
    "flat": ("flat sticker", "sticker", "flat icon", "vector art", "flat colors", "flat style"),
    "cartoon": ("cartoon sticker", "cartoon", "emoji", "cartoon style"),
}
# Words that say no more than that there is a picture.
PLAIN_PREFIXES = ("a picture of", "an image of", "an illustration of", "digital art of", "a drawing of", "picture of")
NUMBERS = {2: ("two", "two", "2", "a pair of"), 3: ("three", "three", "3")}
COLUMN_WORDS = {"left": ("on the left", "on the left side"), "right": ("on the right", "on the right side")}
ROW_WORDS = {"top": ("at the top", "in the upper part"), "bottom": ("at the bottom", "in the lower part")}
CORNER_WORDS = ("in the {row} {column} corner", "in the {row} {column}", "at the {row} {column}")
ORDER_WORDS = {
    "left": (("left of", "to the left of"), ("right of", "to the right of")),
    "above": (("above", "over", "on top of"), ("below", "under", "beneath")),
}
# Beginnings of names whose first sound is not that of their first letter.
SPOKEN_AS_CONSONANT = ("uni", "ufo", "euro", "one")
SPOKEN_AS_VOWEL = ("hour", "x-ray", "suv")
SIZE_CHANCES = {"small": 0.92, "medium": 0.6, "large": 0.2}


def composition_caption(scene: Composition, rng: np.random.Generator) -> str:
    """Return a caption. One in ten is empty, for classifier-free guidance, and one in twenty a single word."""
    chance = rng.random()
    if chance < UNSAID:
        return ""
    if chance < UNSAID + NAMED:
        return pick(tuple(word for figure in scene.figures for word in _single_words(figure)), rng)
    return describe(scene, rng)


def describe(scene: Composition, rng: np.random.Generator) -> str:
    """Return a non-empty caption: figures, setting, and medium or look before or after them."""
    text = _subject(scene, rng) + _doing(scene, rng) + _behind(scene.setting, rng)
    text = _in_medium(text, scene, rng)
    if rng.random() < 0.12:
        extra = rng.choice(FLUFF, size=int(rng.integers(1, 4)), replace=False)
        text = ", ".join([text, *(str(word) for word in extra)])
    return text.capitalize() if rng.random() < 0.12 else text


def names_of(kind: str) -> tuple[str, ...]:
    """Return the names of a thing or shape. The usual name of a thing comes twice."""
    if kind in KIND_WORDS:
        return KIND_WORDS[kind]
    names = by_code()[kind].names
    return (names[0], names[0], *names) if len(names) > 1 else names


def with_article(phrase: str) -> str:
    """Put "a" or "an" before the phrase."""
    vowel = phrase[0].lower() in "aeiou" and not phrase.startswith(SPOKEN_AS_CONSONANT)
    return ("an " if vowel or phrase.startswith(SPOKEN_AS_VOWEL) else "a ") + phrase


def _single_words(figure: Figure) -> tuple[str, ...]:
    return (names_of(figure.kind)[0],) + ((figure.colour,) if figure.colour else ())


def _subject(scene: Composition, rng: np.random.Generator) -> str:
    if scene.relation:
        return _pair(scene, rng)
    if len(scene.figures) > 1:
        return _several(scene, rng)
    return _figure(scene.figures[0], rng) + _spot(scene, rng)


def _figure(figure: Figure, rng: np.random.Generator, size_chance: float | None = None) -> str:
    name = pick(names_of(figure.kind), rng)
    phrase = _adjectives(figure, rng, SIZE_CHANCES[figure.size] if size_chance is None else size_chance) + name
    thing = by_code().get(figure.kind)
    if thing is not None and not thing.countable:
        definite = thing.definite and phrase == name and rng.random() < 0.7
        return f"the {name}" if definite else phrase
    chance = rng.random()
    return phrase if chance < 0.15 else f"one {phrase}" if chance < 0.17 else with_article(phrase)


def _adjectives(figure: Figure, rng: np.random.Generator, size_chance: float) -> str:
    words = [pick(SIZE_WORDS[figure.size], rng)] if rng.random() < size_chance else []
    if figure.colour:
        words.append(pick(COLOUR_WORDS[figure.colour], rng))
    return "".join(f"{word} " for word in words if word)


def _several(scene: Composition, rng: np.random.Generator) -> str:
    figure = scene.figures[0]
    name = plural_of(pick(names_of(figure.kind), rng))
    number = pick(NUMBERS[len(scene.figures)], rng)
    return f"{number} {_adjectives(figure, rng, 0.1)}{name}"


def _pair(scene: Composition, rng: np.random.Generator) -> str:
    first, second = (_figure(figure, rng, 0.06) for figure in scene.figures)
    if scene.relation == "and":
        joint = pick((" and ", " and ", " and ", " next to ", " beside ", " with ", " together with "), rng)
        return first + joint + second
    there, back = ORDER_WORDS[scene.relation]
    if rng.random() < 0.55:
        return f"{first} {pick(there, rng)} {second}"
    return f"{second} {pick(back, rng)} {first}"


def _spot(scene: Composition, rng: np.random.Generator) -> str:
    column, row = scene.spot
    if scene.unplaced or rng.random() < 0.3:
        return ""
    if column == row == "middle":
        return pick(("",) * 9 + (" in the middle", " in the center", " in the centre", " centered"), rng)
    if column == "middle":
        return " " + pick(ROW_WORDS[row], rng)
    if row == "middle":
        return " " + pick(COLUMN_WORDS[column], rng)
    return " " + pick(CORNER_WORDS, rng).format(row=row, column=column)


def _doing(scene: Composition, rng: np.random.Generator) -> str:
    """Return a verb for things in a place, in some captions; the picture is the same without it."""
    verbs = VERBS.get(scene.setting.place, ("standing", "sitting"))
    return f" {pick(verbs, rng)}" if scene.setting.place and rng.random() < 0.1 else ""


def _behind(setting: Setting, rng: np.random.Generator) -> str:
    if not setting.place:
        return _backdrop(setting, rng)
    parts = _place_parts(setting, rng)
    ordered = [parts[i] for i in rng.permutation(len(parts))] if rng.random() < 0.2 else parts
    return (", " if rng.random() < 0.08 else " ") + (", " if rng.random() < 0.1 else " ").join(ordered)


def _place_parts(setting: Setting, rng: np.random.Generator) -> list[str]:
    """Return the words for a place, its time of day and rain; a time is said more often than daylight."""
    timed = bool(setting.time) and rng.random() < (0.95 if setting.time != "day" else 0.2)
    parts = [pick(PLACE_WORDS[setting.place], rng)] if not timed or rng.random() < 0.9 else []
    if timed:
        parts.append(pick(TIME_WORDS[setting.time], rng))
    return [*parts, pick(RAIN_WORDS, rng)] if setting.rain else parts


def _backdrop(setting: Setting, rng: np.random.Generator) -> str:
    if rng.random() > (0.5 if setting.backdrop == "white" else 0.9):
        return ""
    colour = pick(COLOUR_WORDS[setting.backdrop], rng)
    first = f" on a {colour} background"
    forms = (first, first, first, f" on {colour}", f" against a {colour} background", f" with a {colour} background")
    others = (f", {colour} background", f" in front of a {colour} wall", f" on a plain {colour} background")
    return pick((*forms, *others, f", plain {colour} background"), rng)


def _in_medium(text: str, scene: Composition, rng: np.random.Generator) -> str:
    if scene.medium != "plain":
        before, after, chance = MEDIUM_PREFIXES[scene.medium], MEDIUM_SUFFIXES[scene.medium], 0.97
    else:
        before, after = LOOK_PREFIXES[scene.look], LOOK_SUFFIXES[scene.look]
        chance = 0.15 if scene.look == "3d" else 0.96
    if rng.random() > chance:
        return f"{pick(PLAIN_PREFIXES, rng)} {text}" if scene.medium == "plain" and rng.random() < 0.25 else text
    return f"{pick(before, rng)} {text}" if rng.random() < 0.55 else f"{text}, {pick(after, rng)}"


def is_countable(thing: Thing | None) -> bool:
    """Return whether captions can name several of a thing; all shapes can be counted."""
    return thing is None or thing.countable
