"""The subjects of captions: objects with colour, size and place; landscapes and their contents; fires."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.rendering.scene import Hearth, Item, Landscape, Objects
from training.text.vocabulary import (
    COLOUR_WORDS,
    EXTRA_WORDS,
    FIRE_WORDS,
    FROZEN_WORDS,
    GROUND_WORDS,
    KIND_WORDS,
    SEASON_WORDS,
    SIZE_WORDS,
    STORM_WORDS,
    TIME_WORDS,
    WATER_WORDS,
)

# How often what is there is mentioned; the rest of the time the model has to draw it unasked.
MENTION = 0.87
# A place is often left out, else a thing without one always stands in the middle.
PLACE_MENTION = 0.6
_COLUMN_WORDS = {"left": ("on the left", "on the left side"), "right": ("on the right", "on the right side")}
_ROW_WORDS = {"top": ("at the top", "in the upper part"), "bottom": ("at the bottom", "in the lower part")}
_CORNERS = ("in the {row} {column} corner", "in the {row} {column}", "at the {row} {column}")


def pick(words: Sequence[str], rng: np.random.Generator) -> str:
    """Return a random word."""
    return words[int(rng.integers(len(words)))]


def say_objects(scene: Objects, rng: np.random.Generator) -> str:
    """Describe one or two items, their relation or place, and mostly the background."""
    text = _say_pair(scene, rng) if scene.relation else _say_item(scene.items[0], rng) + _say_place(scene, rng)
    if rng.random() > (0.5 if scene.backdrop == "white" else 0.85):
        return text
    colour = pick(COLOUR_WORDS[scene.backdrop], rng)
    forms = (
        f"on a {colour} background",
        f"on {colour}",
        f"against a {colour} background",
        f"with a {colour} background",
    )
    if rng.random() < 0.1:
        return f"{text}, {colour} background"
    return f"{text} {pick((forms[0], *forms), rng)}"


def say_landscape(view: Landscape, rng: np.random.Generator) -> str:
    """Describe a landscape: its contents in any order after the ground, with the light and season before or after."""
    parts = ["a landscape"] if rng.random() < 0.05 else _view_parts(view, rng)
    text = _listed(parts, rng)
    for light in _view_lights(view, rng):
        text = f"{text} {light}" if rng.random() < 0.7 else f"{text}, {light}"
    return text


def say_hearth(hearth: Hearth, rng: np.random.Generator) -> str:
    """Describe a fire, often in a single word."""
    text = pick(FIRE_WORDS[hearth.place], rng)
    if hearth.size != "medium" and rng.random() < 0.4:
        noun = text.removeprefix("a ").removeprefix("an ")
        text = f"a {pick(SIZE_WORDS[hearth.size], rng)} {noun}"
    if rng.random() < 0.3:
        dark = ("in the dark", "on a black background", "at night") if hearth.wall == "black" else ()
        inside = ("in a room", "in a brick wall", "at home") if hearth.place == "fireplace" else ()
        text = f"{text} {pick((*dark, *inside, 'with logs', 'with burning logs'), rng)}"
    return text


def single_words(scene: Objects | Landscape | Hearth) -> tuple[str, ...]:
    """Return words that each name one thing in the scene: a colour, a thing, trees, snow, the light."""
    if isinstance(scene, Objects):
        return tuple(word for item in scene.items for word in (item.colour, item.kind))
    if isinstance(scene, Hearth):
        return ("fire", "flames")
    found = [word for word, there in (("trees", scene.trees > 1), ("a tree", scene.trees == 1)) if there]
    found += [scene.water] * (scene.water != "none") + ["snow", "winter"] * scene.winter
    found += ["house", scene.house] * bool(scene.house) + [EXTRA_WORDS[extra][0] for extra in scene.extras]
    return (*found, scene.time, scene.ground)


def article(phrase: str) -> str:
    """Put "a" or "an" before the phrase."""
    return ("an " if phrase[0] in "aeio" else "a ") + phrase


def _say_item(item: Item, rng: np.random.Generator) -> str:
    words = [] if item.kind == "fire" else [pick(COLOUR_WORDS[item.colour], rng)]
    if rng.random() < 0.8:
        words.insert(0, pick(SIZE_WORDS[item.size], rng))
    phrase = " ".join(word for word in (*words, pick(KIND_WORDS[item.kind], rng)) if word)
    return phrase if rng.random() < 0.12 else article(phrase)


def _say_place(scene: Objects, rng: np.random.Generator) -> str:
    column, row = scene.place
    if scene.unplaced or rng.random() > PLACE_MENTION:
        return ""
    if column == row == "middle":
        return pick(("", "", " in the middle", " in the center", " in the centre", " centered"), rng)
    if column == "middle":
        return " " + pick(_ROW_WORDS[row], rng)
    if row == "middle":
        return " " + pick(_COLUMN_WORDS[column], rng)
    return " " + pick(_CORNERS, rng).format(row=row, column=column)


def _say_pair(scene: Objects, rng: np.random.Generator) -> str:
    first, second = (_say_item(item, rng) for item in scene.items)
    left = scene.relation == "left"
    there = ("left of", "to the left of") if left else ("above", "over", "on top of")
    back = ("right of", "to the right of") if left else ("below", "under", "beneath")
    chance = rng.random()
    if chance < 0.52:
        return f"{first} {pick(there, rng)} {second}"
    if chance < 0.9:
        return f"{second} {pick(back, rng)} {first}"
    if left and chance < 0.94:
        return f"{first} next to {second}"
    return f"{first} and {second}" + (" side by side" if left else "")


def _view_parts(view: Landscape, rng: np.random.Generator) -> list[str]:
    parts = [*_ground_parts(view, rng), *_content_parts(view, rng)]
    if rng.random() < 0.4:
        parts = [parts[i] for i in rng.permutation(len(parts))]
    return parts


def _ground_parts(view: Landscape, rng: np.random.Generator) -> list[str]:
    """Describe the ground and mostly the trees on it."""
    ground = pick(GROUND_WORDS[view.ground], rng)
    if view.ground == "mountains" and view.winter and rng.random() < 0.5:
        ground = pick(("snow-covered mountains", "snowy mountains"), rng)
    if view.ground == "hills" and view.trees == 1 and rng.random() < 0.75:
        return ["a tree on a hill" if rng.random() < 0.7 else "tree on a hill"]
    return [ground] + ([_trees(view, rng)] if view.trees and rng.random() < MENTION else [])


def _content_parts(view: Landscape, rng: np.random.Generator) -> list[str]:
    """Describe the water, the house and the extras, each in most captions."""
    parts: list[str] = []
    if view.water != "none" and rng.random() < 0.93:
        parts.append(pick((FROZEN_WORDS if view.winter else WATER_WORDS)[view.water], rng))
    if view.house and rng.random() < MENTION:
        parts.append(
            f"a {view.house} {pick(('house', 'house', 'cottage', 'cabin'), rng)}" if rng.random() < 0.75 else "a house"
        )
    for extra in view.extras:
        if rng.random() < (0.95 if extra in ("campfire", "boat") else 0.6):
            parts.append(pick(EXTRA_WORDS[extra], rng))
    return parts


def _trees(view: Landscape, rng: np.random.Generator) -> str:
    kind = {"pine": ("pine ", "fir ", ""), "round": ("", "", "round ", "leafy ")}[view.tree_kind]
    if view.trees == 1:
        return f"a {pick(kind, rng)}tree"
    count = ("two ",) if view.trees == 2 else ("", "", "some ") if view.trees < 6 else ("", "many ")
    return f"{pick(count, rng)}{pick(kind, rng)}trees" if rng.random() < 0.85 or view.trees < 6 else "a forest"


def _listed(parts: list[str], rng: np.random.Generator) -> str:
    if len(parts) == 1:
        return parts[0]
    if rng.random() < 0.25:
        return ", ".join(parts)
    joint = pick((" with ", " with ", " and "), rng)
    return parts[0] + joint + (", ".join(parts[1:-1]) + " and " if len(parts) > 2 else "") + parts[-1]


def _view_lights(view: Landscape, rng: np.random.Generator) -> list[str]:
    """Describe light, weather and season. A storm at night or in the evening names its time."""
    words = []
    if view.storm and rng.random() < 0.95:
        words.append(pick(STORM_WORDS[view.time], rng))
    elif rng.random() < (0.93 if view.time != "day" else 0.6):
        words.append(pick(TIME_WORDS[view.time], rng))
    if rng.random() < (0.9 if view.season in ("winter", "autumn") else 0.5):
        words.append("a winter scene" if view.winter and rng.random() < 0.15 else pick(SEASON_WORDS[view.season], rng))
    return [words[i] for i in rng.permutation(len(words))]
