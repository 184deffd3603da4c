"""Compositions as plain data. Positions and sizes are fractions of the picture, 0..1, y downward."""

from __future__ import annotations

from dataclasses import dataclass

from training.rendering.scene import RGB

LOOKS = ("3d", "flat", "cartoon")
# Shares of the shorter side that the square of a thing's picture takes; "large" is what captions mean by default.
SCALES = {"small": (0.24, 0.34), "medium": (0.42, 0.56), "large": (0.62, 0.92)}
# Places with a ground to stand on, and those without.
GROUNDED = (*("hill", "meadow", "beach", "snow", "desert", "mountains", "city", "forest", "moon", "table"),)
FLOATING = ("sea", "underwater", "sky", "space")
PLACES = (*GROUNDED, *FLOATING)
# Places that have a time of day.
OUTDOORS = ("hill", "meadow", "beach", "snow", "desert", "mountains", "city", "forest", "sea", "sky")
RELATIONS = ("and", "left", "above")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A thing in a composition: `kind` is a thing's code or a shape, `colour` "" for its own colours.

    `x`, `y` are its centre, `scale` the side of its square in shorter sides of the picture, `turn` in degrees.
    """

    kind: str
    colour: str
    size: str
    x: float
    y: float
    scale: float
    turn: float = 0.0
    mirrored: bool = False


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is behind the figures: a backdrop colour, or a place with a time of day and perhaps rain."""

    backdrop: str = ""
    backdrop_rgb: RGB = (255, 255, 255)
    fade: float = 0.0
    place: str = ""
    time: str = ""
    rain: bool = False


@dataclass(frozen=True, kw_only=True)
class Composition:
    """One to three figures in a setting.

    `relation` is between two different figures ("and", "left": the first is left of the second, "above"). `spot` is
    the position that captions may mention, unless the figure is `unplaced`. Several figures without a relation are
    alike.
    """

    seed: int
    medium: str
    look: str
    figures: tuple[Figure, ...]
    setting: Setting
    relation: str = ""
    spot: tuple[str, str] = ("middle", "middle")
    unplaced: bool = False

    @property
    def count(self) -> int:
        """Return how many figures of the first one's kind there are."""
        return 1 if self.relation else len(self.figures)
