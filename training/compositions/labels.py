"""Labels of compositions and scenes: one class number per attribute, which the text encoder learns to predict."""

from __future__ import annotations

from functools import cache

from training.compositions.composition import LOOKS, PLACES, RELATIONS, SCALES, Composition
from training.pictures.things import things
from training.rendering.scene import PALETTE, SHAPES, Scene
from training.text.labels import ATTRIBUTES, numbered, said_of


@cache
def attributes() -> dict[str, tuple[str, ...]]:
    """Return every attribute and its classes, those of scenes included; class 0 is always "does not apply"."""
    kinds = (*SHAPES, *(thing.code for thing in things()))
    return {
        **ATTRIBUTES,
        "sort": (*ATTRIBUTES["sort"], "thing", "two things", "several"),
        "kind": kinds,
        "second kind": kinds,
        "colour": (*PALETTE, "own"),
        "second colour": (*PALETTE, "own"),
        "size": tuple(SCALES),
        "relation": RELATIONS,
        "look": LOOKS,
        "place": PLACES,
        "count": ("1", "2", "3"),
    }


def composition_labels(scene: Scene | Composition) -> list[int]:
    """Return the class of every attribute, in the order of `attributes`."""
    said = _said(scene) if isinstance(scene, Composition) else said_of(scene)
    return numbered(said, attributes())


def class_counts() -> list[int]:
    """Return the number of classes of every attribute, including "does not apply"."""
    return [1 + len(classes) for classes in attributes().values()]


def _said(scene: Composition) -> dict[str, str]:
    first, setting = scene.figures[0], scene.setting
    said = {
        "sort": "two things" if scene.relation else "several" if scene.count > 1 else "thing",
        "medium": scene.medium,
        "look": scene.look,
        "kind": first.kind,
        "colour": first.colour or "own",
        "count": str(scene.count),
        "backdrop": setting.backdrop,
        "place": setting.place,
        "time": setting.time,
        "rain": str(setting.rain) if setting.place else "",
    }
    if scene.relation:
        second = scene.figures[1]
        pair = {"relation": scene.relation, "second kind": second.kind, "second colour": second.colour or "own"}
        return {**said, **pair}
    single = {"size": first.size}
    return {**said, **single} if scene.unplaced else {**said, **single, "column": scene.spot[0], "row": scene.spot[1]}
