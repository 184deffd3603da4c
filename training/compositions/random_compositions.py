"""Random compositions and scenes. The same generator state gives the same one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from training.compositions.composition import (
    FLOATING,
    OUTDOORS,
    PLACES,
    RELATIONS,
    SCALES,
    Composition,
    Figure,
    Setting,
)
from training.pictures.things import by_code, things
from training.rendering.canvas import Point
from training.rendering.held_out import HELD_OUT_SHARE, is_held_out
from training.rendering.random_scenes import apart, hearth, landscape, pair, scattered, single
from training.rendering.scene import COLUMNS, MEDIA, PALETTE, RGB, ROWS, SHAPES, Scene

MEDIUM_SHARES = (0.0, 0.2, 0.2, 0.16, 0.16, 0.16, 0.12)
KINDS = ("single", "placed", "pair", "several", "shapes", "landscape", "hearth")


@dataclass(frozen=True, kw_only=True)
class Blend:
    """The shares of the kinds of pictures (in the order of KINDS) and of what varies in them.

    `placed` is the share of pairs and of several things in a place; `recoloured`, `styled` (in a medium) and `sticker`
    (in another look) are shares of the things; `sizes` weights small, medium and large single things.
    """

    kinds: tuple[float, ...]
    placed: float = 0.0
    recoloured: float = 0.0
    styled: float = 0.0
    sticker: float = 0.0
    sizes: tuple[float, float, float] = (0.0, 0.0, 1.0)
    anywhere: float = 0.0


NARROW = Blend(kinds=(0.94, 0.0, 0.0, 0.0, 0.06, 0.0, 0.0))
EVERYTHING = Blend(
    kinds=(0.34, 0.2, 0.14, 0.06, 0.09, 0.14, 0.03),
    placed=0.3,
    recoloured=0.22,
    styled=0.25,
    sticker=0.1,
    sizes=(0.12, 0.2, 0.68),
    anywhere=0.5,
)
# What the text encoder reads: everything, the rarer kinds more often.
READING = replace(EVERYTHING, kinds=(0.28, 0.14, 0.36, 0.05, 0.06, 0.09, 0.02), sticker=0.15, sizes=(0.25, 0.25, 0.5))


def draw_picture(rng: np.random.Generator, blend: Blend) -> Scene | Composition:
    """Return a random composition, or a scene of shapes, a landscape or a fire, that is not held out."""
    while True:
        kind = KINDS[int(rng.choice(len(KINDS), p=np.array(blend.kinds) / sum(blend.kinds)))]
        if kind in ("shapes", "landscape", "hearth"):
            scene = _scene(rng, kind, blend)
            if not is_held_out(scene):
                return scene
        else:
            composition = compose(rng, kind, blend)
            if not is_held_out_composition(composition):
                return composition


def is_held_out_composition(scene: Composition) -> bool:
    """Return whether the combination is held out for the evaluation: pairs, things in places, recoloured things.

    A thing on a plain background is never held out.
    """
    first = scene.figures[0]
    if scene.relation:
        return is_held_out_pair_of(first.kind, scene.figures[1].kind)
    return is_held_out_thing(first.kind, first.colour, "" if first.colour else scene.setting.place)


def is_held_out_thing(kind: str, colour: str, place: str) -> bool:
    """Return whether a thing in another colour, or one in its own colours in a place, is held out."""
    return bool(colour or place) and crc32(f"{colour} {kind} {place}".encode()) % HELD_OUT_SHARE == 0


def is_held_out_pair_of(first: str, second: str) -> bool:
    """Return whether two things are never seen together in training, in either order."""
    return crc32(" ".join(sorted((first, second))).encode()) % HELD_OUT_SHARE == 0


def compose(rng: np.random.Generator, kind: str, blend: Blend) -> Composition:
    """Return a random composition: "single" on a backdrop, "placed" in a place, a "pair", or "several" alike."""
    placed = kind == "placed" or (kind != "single" and rng.random() < blend.placed)
    setting = _place(rng) if placed else _backdrop(rng)
    medium = str(rng.choice(MEDIA, p=MEDIUM_SHARES)) if rng.random() < blend.styled else "plain"
    look = str(rng.choice(["flat", "cartoon"])) if rng.random() < blend.sticker else "3d"
    if kind == "pair":
        figures, relation = _two(rng, blend, setting)
    else:
        count = int(rng.choice([2, 3], p=[0.6, 0.4])) if kind == "several" else 1
        # Small things are lost in coarse media.
        sized = blend if medium == "plain" else replace(blend, sizes=(0.0, 0.1, 0.9))
        figures, relation = _alike(rng, sized, setting, count), ""
    scene = Composition(
        seed=int(rng.integers(2**31)),
        medium=medium,
        look=look,
        figures=figures,
        setting=setting,
        relation=relation,
        unplaced=placed,
    )
    return _spotted(rng, scene, blend) if kind == "single" else scene


def _scene(rng: np.random.Generator, kind: str, blend: Blend) -> Scene:
    medium = str(rng.choice(MEDIA, p=MEDIUM_SHARES)) if rng.random() < blend.styled * 2 else "plain"
    if kind == "landscape":
        return landscape(rng, medium)
    if kind == "hearth":
        return hearth(rng, medium)
    if rng.random() < 0.35:
        while True:
            scene = pair(rng, medium)
            if all(item.kind in SHAPES for item in scene.items):
                return scene
    scene = single(rng, medium, SHAPES)
    return scattered(rng, scene) if rng.random() < blend.anywhere else scene


def _backdrop(rng: np.random.Generator) -> Setting:
    plain = rng.random() < 0.4
    colour = str(rng.choice(["white", "white", "black", "gray"] if plain else list(PALETTE)))
    red, green, blue = (int(np.clip(c + rng.integers(-9, 10), 0, 255)) for c in PALETTE[colour])
    rgb: RGB = (red, green, blue)
    fade = float(rng.uniform(0.05, 0.16)) if rng.random() < 0.2 else 0.0
    return Setting(backdrop=colour, backdrop_rgb=rgb, fade=fade)


def _place(rng: np.random.Generator) -> Setting:
    place = str(rng.choice(PLACES))
    if place not in OUTDOORS:
        return Setting(place=place)
    time = str(rng.choice(["day", "sunset", "night"], p=[0.5, 0.25, 0.25]))
    return Setting(place=place, time=time, rain=bool(rng.random() < 0.06 and place not in ("snow", "desert")))


def _kind(rng: np.random.Generator, shapes: float) -> str:
    if rng.random() < shapes:
        return str(rng.choice(SHAPES))
    known = things()
    return known[int(rng.integers(len(known)))].code


def _colour(rng: np.random.Generator, kind: str, blend: Blend, setting: Setting) -> str:
    """Return the colour of a figure: "" for its own; never one that the backdrop hides."""
    if kind not in SHAPES and rng.random() >= blend.recoloured:
        return ""
    while True:
        colour = str(rng.choice(list(PALETTE)))
        if not setting.backdrop or apart(colour, setting.backdrop):
            return colour


def _alike(rng: np.random.Generator, blend: Blend, setting: Setting, count: int) -> tuple[Figure, ...]:
    while True:
        kind = _kind(rng, shapes=0.03 if count > 1 or blend.placed else 0.0)
        thing = by_code().get(kind)
        if count == 1 or thing is None or thing.countable:
            break
    colour = _colour(rng, kind, blend, setting)
    if count == 1:
        return (_alone(rng, kind, colour, blend, setting),)
    size, scale = "medium", float(rng.uniform(0.3, 0.38) if count == 3 else rng.uniform(0.38, 0.48))
    base = _height(rng, setting, scale)
    xs = {2: (0.27, 0.73), 3: (0.19, 0.5, 0.81)}[count]
    return tuple(
        _figure(
            rng,
            (kind, colour, size),
            (x + float(rng.uniform(-0.02, 0.02)), base + float(rng.uniform(-0.03, 0.03))),
            scale,
        )
        for x in xs
    )


def _alone(rng: np.random.Generator, kind: str, colour: str, blend: Blend, setting: Setting) -> Figure:
    weights = (0.2, 0.5, 0.3) if setting.place else blend.sizes
    size = str(rng.choice(list(SCALES), p=np.array(weights) / sum(weights)))
    low, high = SCALES[size]
    scale = float(rng.uniform(low, min(high, 0.74) if setting.place else high))
    spread = (1 - scale) / 2
    near = spread * (0.6 if setting.place else 0.25 if size != "large" else 0.8)
    x = 0.5 + float(rng.uniform(-near, near))
    y = _height(rng, setting, scale) if setting.place else 0.5 + float(rng.uniform(-near, near))
    return _figure(rng, (kind, colour, size), (x, y), scale)


def _height(rng: np.random.Generator, setting: Setting, scale: float) -> float:
    """Return the height of a figure's centre: its foot is on the ground of a place."""
    if not setting.place or setting.place in FLOATING:
        return 0.5 + float(rng.uniform(-0.06, 0.06))
    return float(rng.uniform(0.78, 0.92)) - scale / 2


def _two(rng: np.random.Generator, blend: Blend, setting: Setting) -> tuple[tuple[Figure, ...], str]:
    relation = str(rng.choice(RELATIONS, p=[0.5, 0.32, 0.18]))
    if relation == "above" and setting.place and setting.place not in FLOATING:
        relation = "left"
    kinds = _two_kinds(rng)
    colours = _two_colours(rng, kinds, blend, setting)
    scales = [float(rng.uniform(0.36, 0.45 if relation == "above" else 0.5)) for _ in range(2)]
    places = _two_places(rng, relation, scales, setting)
    figures = tuple(
        _figure(rng, (kind, colour, "medium"), place, scale)
        for kind, colour, place, scale in zip(kinds, colours, places, scales, strict=True)
    )
    return figures, relation


def _two_kinds(rng: np.random.Generator) -> list[str]:
    while True:
        kinds = [_kind(rng, shapes=0.12) for _ in range(2)]
        if kinds[0] != kinds[1]:
            return kinds


def _two_colours(rng: np.random.Generator, kinds: list[str], blend: Blend, setting: Setting) -> list[str]:
    """Return the colours of two things; two that are both asked for can be told apart."""
    while True:
        colours = [_colour(rng, kind, blend, setting) for kind in kinds]
        if not all(colours) or apart(*colours):
            return colours


def _two_places(rng: np.random.Generator, relation: str, scales: list[float], setting: Setting) -> list[Point]:
    """Return the centres of two figures. Without an order the first is as often on the right."""
    along, across = float(rng.uniform(0.24, 0.3)), float(rng.uniform(0.45, 0.55))
    if relation == "above":
        return [(across, along), (across, 1 - along)]
    columns = [along, 1 - along]
    if relation == "and" and rng.random() < 0.5:
        columns.reverse()
    return [(column, _height(rng, setting, scale)) for column, scale in zip(columns, scales, strict=True)]


def _spotted(rng: np.random.Generator, scene: Composition, blend: Blend) -> Composition:
    """Move a small or medium single figure to a position that captions mention, or to any without mention."""
    figure = scene.figures[0]
    if figure.size == "large" or rng.random() < 0.3:
        return scene
    edge = figure.scale / 2 + 0.01
    if rng.random() < blend.anywhere:
        x, y = (float(rng.uniform(edge, 1 - edge)) for _ in range(2))
        return replace(scene, figures=(replace(figure, x=x, y=y),), unplaced=True)
    column, row = str(rng.choice(list(COLUMNS))), str(rng.choice(list(ROWS)))
    x, y = (
        float(np.clip(middle + rng.uniform(-0.04, 0.04), edge, 1 - edge)) for middle in (COLUMNS[column], ROWS[row])
    )
    return replace(scene, figures=(replace(figure, x=x, y=y),), spot=(column, row))


def _figure(rng: np.random.Generator, what: tuple[str, str, str], where: tuple[float, float], scale: float) -> Figure:
    kind, colour, size = what
    thing = by_code().get(kind)
    mirrored = thing is not None and thing.mirrors and bool(rng.random() < 0.5)
    turn = float(rng.uniform(-6, 6))
    return Figure(
        kind=kind,
        colour=colour,
        size=size,
        x=where[0],
        y=where[1],
        scale=scale,
        turn=turn,
        mirrored=mirrored,
    )
