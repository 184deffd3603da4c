"""The prompts of the evaluation: the content that each requests, in combinations that training has not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.compositions.composition import PLACES
from training.compositions.random_compositions import is_held_out_pair_of, is_held_out_thing
from training.compositions.wording import PLACE_WORDS, with_article
from training.pictures.things import Thing, by_name, plural_of, things
from training.rendering.scene import MEDIA, PALETTE
from training.text.vocabulary import MEDIUM_SUFFIXES

FIRST_TRIED = Path(__file__).with_name("first_tried.txt")


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A prompt and what its picture must show: answers to the eye's questions; `second` is the other of a pair."""

    text: str
    wanted: dict[str, str]
    second: str = ""


def prompts_of(table: str, seed: int = 41, most: int = 200) -> list[Prompt]:
    """Return the prompts of a table of the evaluation; of those with many combinations, at most `most`."""
    found = list(TABLES[table]())
    rng = np.random.default_rng(seed)
    if table in WHOLE or len(found) <= most:
        return found
    return [found[i] for i in np.sort(rng.choice(len(found), size=most, replace=False))]


def phrase_of(thing: Thing, colour: str = "") -> str:
    """Return the usual name of a thing with its article, and a colour before it."""
    name = f"{colour} {thing.names[0]}".strip()
    if thing.definite and not colour:
        return f"the {name}"
    return with_article(name) if thing.countable else name


def first_tried() -> list[Thing]:
    """Return the things that people would try first, from the list beside this module."""
    names = FIRST_TRIED.read_text(encoding="utf-8").split("\n")
    return [by_name()[name.strip()] for name in names if name.strip()]


def _all_things() -> Iterator[Prompt]:
    for thing in things():
        yield Prompt(text=phrase_of(thing), wanted={"thing": thing.code})


def _first_tried() -> Iterator[Prompt]:
    for thing in first_tried():
        yield Prompt(text=phrase_of(thing), wanted={"thing": thing.code})


def _backdrops() -> Iterator[Prompt]:
    for index, thing in enumerate(things()):
        colour = list(PALETTE)[index % len(PALETTE)]
        text = f"{phrase_of(thing)} on a {colour} background"
        yield Prompt(text=text, wanted={"thing": thing.code, "backdrop": colour})


def _places() -> Iterator[Prompt]:
    for thing in things():
        for place in PLACES:
            if is_held_out_thing(thing.code, "", place):
                text = f"{phrase_of(thing)} {PLACE_WORDS[place][0]}"
                yield Prompt(text=text, wanted={"thing": thing.code, "place": place})


def _recoloured() -> Iterator[Prompt]:
    for thing in things():
        for colour in PALETTE:
            if is_held_out_thing(thing.code, colour, ""):
                backdrop = "black" if colour in ("white", "gray") else "white"
                text = f"{phrase_of(thing, colour)} on a {backdrop} background"
                yield Prompt(text=text, wanted={"thing": thing.code, "colour": colour})


def _pairs() -> Iterator[Prompt]:
    known = [thing for thing in things() if thing.countable]
    for first, second in zip(known, known[97:] + known[:97], strict=True):
        if is_held_out_pair_of(first.code, second.code):
            text = f"{phrase_of(first)} and {phrase_of(second)} on a white background"
            yield Prompt(text=text, wanted={"thing": first.code}, second=second.code)
    for first, second in zip(known, known[211:] + known[:211], strict=True):
        if is_held_out_pair_of(first.code, second.code):
            text = f"{phrase_of(first)} to the left of {phrase_of(second)}"
            yield Prompt(text=text, wanted={"thing": first.code}, second=second.code)


def _numbers() -> Iterator[Prompt]:
    for index, thing in enumerate(first_tried()):
        if thing.countable:
            text = f"{('two', 'three')[index % 2]} {plural_of(thing.names[0])} on a white background"
            yield Prompt(text=text, wanted={"thing": thing.code}, second=thing.code)


def _media() -> Iterator[Prompt]:
    for index, thing in enumerate(first_tried()):
        medium = MEDIA[1 + index % (len(MEDIA) - 1)]
        text = f"{phrase_of(thing)}, {MEDIUM_SUFFIXES[medium][0]}"
        yield Prompt(text=text, wanted={"thing": thing.code, "medium": medium})


TABLES: dict[str, Callable[[], Iterator[Prompt]]] = {
    "things": _all_things,
    "first tried": _first_tried,
    "backdrops": _backdrops,
    "places": _places,
    "recoloured": _recoloured,
    "pairs": _pairs,
    "numbers": _numbers,
    "media": _media,
}
# The tables that are asked as a whole.
WHOLE = ("things", "first tried")
