"""Labels of a scene: one class number per attribute, which the text encoder learns to predict from captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from training.rendering.random_scenes import HOUSE_COLOURS
from training.rendering.scene import (
    COLUMNS,
    GROUNDS,
    HEARTH_PLACES,
    KINDS,
    MEDIA,
    PALETTE,
    RADII,
    ROWS,
    SEASONS,
    TIMES,
    WATERS,
    Hearth,
    Landscape,
    Objects,
    Scene,
)

EXTRAS = ("sun", "moon", "stars", "clouds", "lightning", "rain", "snowfall", "boat", "campfire", "peaks")
TREE_COUNTS = ("0", "1", "2", "4", "6", "8")
# Every attribute and its classes; class 0 is always "does not apply".
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "sort": ("objects", "pair", "landscape", "hearth"),
    "medium": MEDIA,
    "kind": KINDS,
    "colour": tuple(PALETTE),
    "size": tuple(RADII),
    "second kind": KINDS,
    "second colour": tuple(PALETTE),
    "backdrop": tuple(PALETTE),
    "column": tuple(COLUMNS),
    "row": tuple(ROWS),
    "relation": ("left", "above"),
    "ground": GROUNDS,
    "water": WATERS,
    "time": TIMES,
    "season": SEASONS,
    "storm": ("True", "False"),
    "trees": TREE_COUNTS,
    "tree kind": ("round", "pine"),
    "house": HOUSE_COLOURS,
    "hearth": HEARTH_PLACES,
    **dict.fromkeys(EXTRAS, ("True", "False")),
}


def labels(scene: Scene) -> list[int]:
    """Return the class of every attribute, in the order of ATTRIBUTES; 0 if the attribute does not apply."""
    said = said_of(scene)
    return numbered(said, ATTRIBUTES)


def numbered(said: Mapping[str, str], attributes: Mapping[str, Sequence[str]]) -> list[int]:
    """Return the class of every attribute in a scene of which `said` is said; 0 if an attribute does not apply."""
    return [1 + classes.index(said[name]) if said.get(name) in classes else 0 for name, classes in attributes.items()]


def class_counts() -> list[int]:
    """Return the number of classes of every attribute, including "does not apply"."""
    return [1 + len(classes) for classes in ATTRIBUTES.values()]


def said_of(scene: Scene) -> dict[str, str]:
    """Return what captions say of a scene, by attribute."""
    if isinstance(scene, Objects):
        return {"medium": scene.medium, **_said_of_objects(scene)}
    if isinstance(scene, Hearth):
        return {"medium": scene.medium, "sort": "hearth", "hearth": scene.place, "size": scene.size}
    return {"medium": scene.medium, "sort": "landscape", **_said_of_view(scene)}


def _said_of_objects(scene: Objects) -> dict[str, str]:
    first = scene.items[0]
    said = {"sort": "objects", "kind": first.kind, "colour": first.colour, "size": first.size}
    said["backdrop"] = scene.backdrop
    if not scene.relation:
        return {**said, "column": scene.place[0], "row": scene.place[1]}
    second = scene.items[1]
    pair = {"sort": "pair", "relation": scene.relation, "second kind": second.kind, "second colour": second.colour}
    return {**said, **pair}


def _said_of_view(view: Landscape) -> dict[str, str]:
    return {
        "ground": view.ground,
        "water": view.water,
        "time": view.time,
        "season": view.season,
        "storm": str(view.storm),
        "trees": str(view.trees),
        "tree kind": view.tree_kind if view.trees else "",
        "house": view.house,
        **{extra: str(extra in view.extras) for extra in EXTRAS},
    }
