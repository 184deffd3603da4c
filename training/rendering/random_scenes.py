"""Random scenes. The same generator state gives the same scene."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from training.rendering.fires import HEARTH_HEIGHTS
from training.rendering.held_out import is_held_out
from training.rendering.mixes import Mix
from training.rendering.scene import (
    COLUMNS,
    GROUNDS,
    MEDIA,
    PALETTE,
    RADII,
    RGB,
    ROWS,
    SEASONS,
    SHAPES,
    THINGS,
    TIMES,
    Hearth,
    Item,
    Landscape,
    Objects,
    Scene,
)

ALIKE = (
    {"white", "gray"},
    {"black", "gray"},
    {"red", "brown"},
    {"red", "orange"},
    {"red", "pink"},
    {"orange", "yellow"},
    {"orange", "brown"},
    {"blue", "purple"},
    {"cyan", "blue"},
    {"cyan", "white"},
    {"pink", "purple"},
    {"pink", "white"},
    {"yellow", "white"},
    {"black", "brown"},
    {"brown", "gray"},
)
# The probabilities of what is in the sky, in the order in which they are drawn.
CLEAR_SKY_CHANCES = {
    "day": {"sun": 0.55, "moon": 0.0, "stars": 0.0, "clouds": 0.4, "lightning": 0.0},
    "sunset": {"sun": 0.75, "moon": 0.0, "stars": 0.0, "clouds": 0.4, "lightning": 0.0},
    "night": {"sun": 0.0, "moon": 0.65, "stars": 0.7, "clouds": 0.4, "lightning": 0.0},
}
STORM_CHANCES = {"sun": 0.0, "moon": 0.0, "stars": 0.0, "clouds": 0.0, "lightning": 0.55}
HOUSE_COLOURS = ("red", "white", "blue", "yellow", "brown")


def draw_scene(rng: np.random.Generator, mix: Mix) -> Scene:
    """Return a random scene that is not held out."""
    while True:
        scene = _any_scene(rng, mix)
        if not is_held_out(scene):
            return scene


def _any_scene(rng: np.random.Generator, mix: Mix) -> Scene:
    shares = (mix.shapes, mix.things, mix.pairs, mix.landscapes, mix.hearths)
    sort = int(rng.choice(5, p=np.array(shares) / sum(shares)))
    medium = str(rng.choice(MEDIA, p=mix.media)) if rng.random() < mix.styled * 1.5 else "plain"
    if sort == 3:
        return landscape(rng, medium)
    if sort == 4:
        return hearth(rng, medium)
    if sort == 2:
        return pair(rng, medium if rng.random() < 0.5 else "plain")
    scene = single(rng, medium, SHAPES if sort == 0 else (*THINGS, "fire"))
    return scattered(rng, scene) if mix.anywhere and rng.random() < mix.anywhere else scene


def apart(first: str, second: str) -> bool:
    """Return whether two colours can be distinguished side by side."""
    return first != second and {first, second} not in ALIKE


def single(rng: np.random.Generator, medium: str, kinds: tuple[str, ...]) -> Objects:
    """Return a random item on a plain background, mostly in the middle."""
    kind = str(rng.choice(kinds))
    colour, backdrop = _colours(rng, kind)
    size = str(rng.choice(list(RADII), p=[0.18, 0.37, 0.45]))
    centred = size == "large" or rng.random() < 0.45
    column, row = ("middle", "middle") if centred else (str(rng.choice(list(COLUMNS))), str(rng.choice(list(ROWS))))
    item = _item(rng, (kind, colour, size), (COLUMNS[column], ROWS[row]))
    return replace(_on_backdrop(rng, medium, backdrop, (item,)), place=(column, row))


def scattered(rng: np.random.Generator, scene: Objects) -> Objects:
    """Move the item of a scene to a random position that captions do not mention."""
    item = scene.items[0]
    x, y = (float(rng.uniform(item.radius + 0.02, 0.98 - item.radius)) for _ in range(2))
    return replace(scene, items=(replace(item, x=x, y=y),), unplaced=True)


def pair(rng: np.random.Generator, medium: str) -> Objects:
    """Return two items, one left of or above the other, mostly of different kinds, in different colours."""
    relation = str(rng.choice(["left", "above"]))
    kinds = [str(k) for k in rng.choice((*SHAPES, *SHAPES, *THINGS), size=2)]
    while True:
        backdrop = _backdrop(rng)
        first, second = (str(c) for c in rng.choice(list(PALETTE), size=2))
        if apart(first, backdrop) and apart(second, backdrop) and apart(first, second):
            break
    size = str(rng.choice(["small", "medium"], p=[0.3, 0.7]))
    along, across = float(rng.uniform(0.2, 0.27)), float(rng.uniform(0.4, 0.6))
    places = ((along, across), (1 - along, across)) if relation == "left" else ((across, along), (across, 1 - along))
    items = tuple(
        _item(rng, (kind, colour, size), place)
        for kind, colour, place in zip(kinds, (first, second), places, strict=True)
    )
    return replace(_on_backdrop(rng, medium, backdrop, items), relation=relation)


def landscape(rng: np.random.Generator, medium: str) -> Landscape:
    """Return a random landscape at a time of day and season."""
    ground = str(rng.choice(GROUNDS, p=[0.31, 0.25, 0.15, 0.17, 0.12]))
    time, season = str(rng.choice(TIMES, p=[0.46, 0.27, 0.27])), str(rng.choice(SEASONS, p=[0.34, 0.16, 0.22, 0.28]))
    storm = bool(rng.random() < 0.14)
    wet = 0.0 if ground in ("sea", "city") else 0.55
    return Landscape(
        seed=_seed(rng),
        medium=medium,
        ground=ground,
        water=str(rng.choice(["river", "lake"])) if rng.random() < wet else "none",
        time=time,
        season=season,
        storm=storm,
        horizon=float(rng.uniform(0.4, 0.6)),
        trees=int(rng.choice([0, 1, 2, 4, 6, 8], p=[0.32, 0.34, 0.1, 0.12, 0.07, 0.05])) if ground != "sea" else 0,
        tree_kind=str(rng.choice(["round", "pine"])),
        house=str(rng.choice(HOUSE_COLOURS)) if ground != "city" and rng.random() < 0.3 else "",
        extras=_extras(rng, (ground, time, season), storm),
    )


def hearth(rng: np.random.Generator, medium: str) -> Hearth:
    """Return a random fire, half of the time in a fireplace; the wall is dark, brown or plain."""
    place = str(rng.choice(["bare", "fireplace"]))
    size = str(rng.choice(list(HEARTH_HEIGHTS), p=[0.2, 0.45, 0.35]))
    if place == "fireplace" and size == "large":
        size = "medium"
    wall = str(
        rng.choice(
            ["black", "brown", "gray", "blue"], p=[0.5, 0.25, 0.15, 0.1] if place == "bare" else [0.1, 0.5, 0.3, 0.1]
        )
    )
    dim = 0.9 if place == "bare" else 0.75
    red, green, blue = PALETTE[wall]
    return Hearth(
        seed=_seed(rng),
        medium=medium,
        place=place,
        wall=wall,
        wall_rgb=_jittered(rng, (round(red * dim * 0.6), round(green * dim * 0.6), round(blue * dim * 0.6))),
        x=float(rng.uniform(0.38, 0.62)),
        base=float(rng.uniform(0.72, 0.86)),
        size=size,
        height=HEARTH_HEIGHTS[size] * float(rng.uniform(0.9, 1.1)),
    )


def _extras(rng: np.random.Generator, where: tuple[str, str, str], storm: bool) -> tuple[str, ...]:
    ground, time, season = where
    chances = {
        **(STORM_CHANCES if storm else CLEAR_SKY_CHANCES[time]),
        "rain": 0.4 if storm and season != "winter" else 0.0,
        "snowfall": 0.35 if season == "winter" else 0.0,
        "boat": 0.5 if ground == "sea" else 0.0,
        "campfire": 0.18 if ground != "sea" else 0.0,
        "peaks": 0.2 if ground == "hills" else 0.0,
    }
    return tuple(name for name, chance in chances.items() if rng.random() < chance)


def _colours(rng: np.random.Generator, kind: str) -> tuple[str, str]:
    if kind == "fire":
        return "orange", str(rng.choice(["black", "black", "blue", "gray", "white", "purple", "brown"]))
    while True:
        colour, backdrop = str(rng.choice(list(PALETTE))), _backdrop(rng)
        if apart(colour, backdrop):
            return colour, backdrop


def _backdrop(rng: np.random.Generator) -> str:
    if rng.random() < 0.5:
        return str(rng.choice(["white", "white", "black", "gray"]))
    return str(rng.choice(list(PALETTE)))


def _item(rng: np.random.Generator, what: tuple[str, str, str], where: tuple[float, float]) -> Item:
    kind, colour, size = what
    radius = RADII[size] * float(rng.uniform(0.88, 1.12))
    spread = 0.045
    x, y = (float(np.clip(v + rng.uniform(-spread, spread), radius + 0.02, 0.98 - radius)) for v in where)
    tilt = float(rng.uniform(-8, 8)) if kind in ("square", "triangle", "star", "heart", "diamond") else 0.0
    rgb = _jittered(rng, PALETTE[colour])
    return Item(kind=kind, colour=colour, rgb=rgb, size=size, x=x, y=y, radius=radius, tilt=tilt)


def _on_backdrop(rng: np.random.Generator, medium: str, backdrop: str, items: tuple[Item, ...]) -> Objects:
    return Objects(
        seed=_seed(rng),
        medium=medium,
        items=items,
        backdrop=backdrop,
        backdrop_rgb=_jittered(rng, PALETTE[backdrop]),
        fade=float(rng.uniform(0.05, 0.16)) if rng.random() < 0.2 else 0.0,
    )


def _jittered(rng: np.random.Generator, colour: RGB) -> RGB:
    red, green, blue = (int(np.clip(c + rng.integers(-9, 10), 0, 255)) for c in colour)
    return red, green, blue


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))
