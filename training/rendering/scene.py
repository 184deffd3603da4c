"""The scenes that are rendered and captioned, as plain data. Positions are fractions of the image, 0..1, y downward.

Nothing here draws or makes random choices.
"""

from __future__ import annotations

from dataclasses import dataclass

RGB = tuple[int, int, int]

PALETTE: dict[str, RGB] = {
    "red": (214, 38, 38),
    "orange": (243, 140, 30),
    "yellow": (247, 216, 50),
    "green": (52, 160, 66),
    "cyan": (60, 200, 214),
    "blue": (42, 82, 204),
    "purple": (126, 54, 170),
    "pink": (246, 146, 186),
    "brown": (124, 78, 44),
    "white": (246, 246, 244),
    "gray": (136, 136, 138),
    "black": (26, 26, 28),
}
SHAPES = ("circle", "square", "triangle", "star", "heart", "diamond")
THINGS = (
    *("house", "tree", "flower", "mushroom", "apple", "cat", "fish", "boat", "car", "cup", "moon", "cloud"),
    "butterfly",
)
KINDS = (*SHAPES, *THINGS, "fire")
RADII = {"small": 0.13, "medium": 0.21, "large": 0.34}
COLUMNS = {"left": 0.25, "middle": 0.5, "right": 0.75}
ROWS = {"top": 0.25, "middle": 0.5, "bottom": 0.75}
GROUNDS = ("hills", "mountains", "plain", "sea", "city")
WATERS = ("none", "river", "lake")
TIMES = ("day", "sunset", "night")
SEASONS = ("summer", "spring", "autumn", "winter")
MEDIA = ("plain", "photo", "oil", "watercolor", "sketch", "pixel", "neon")
HEARTH_PLACES = ("bare", "fireplace")


@dataclass(frozen=True, kw_only=True)
class Item:
    """A drawn thing: `radius` is a fraction of the shorter side, `tilt` is in degrees, `rgb` the drawn colour."""

    kind: str
    colour: str
    rgb: RGB
    size: str
    x: float
    y: float
    radius: float
    tilt: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Objects:
    """One or two items on a plain background; `relation` is "", "left" (first left of second) or "above".

    `place` is the position in captions of a single item; they do not mention it if the item is `unplaced`.
    """

    seed: int
    medium: str
    items: tuple[Item, ...]
    backdrop: str
    backdrop_rgb: RGB
    fade: float = 0.0
    place: tuple[str, str] = ("middle", "middle")
    relation: str = ""
    unplaced: bool = False


@dataclass(frozen=True, kw_only=True)
class Landscape:
    """A landscape with a sky: `trees` is a count, `tree_kind` "round" or "pine", `extras` names further contents."""

    seed: int
    medium: str
    ground: str
    water: str
    time: str
    season: str
    storm: bool
    horizon: float
    trees: int
    tree_kind: str
    house: str = ""
    extras: tuple[str, ...] = ()

    @property
    def winter(self) -> bool:
        """Return whether snow covers the ground and lakes are frozen."""
        return self.season == "winter"


@dataclass(frozen=True, kw_only=True)
class Hearth:
    """A fire as the main subject: in a fireplace ("fireplace") or against the dark ("bare")."""

    seed: int
    medium: str
    place: str
    wall: str
    wall_rgb: RGB
    x: float
    base: float
    size: str
    height: float


Scene = Objects | Landscape | Hearth
