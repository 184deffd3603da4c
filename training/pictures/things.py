"""The things the model knows, from the table `things.tsv`, which is maintained in the repository.

Each row has the code points of the picture, a group, flags and the names, the usual one first. Flags: `m` a mass noun,
`p` a plural, `t` takes "the", `x` must not be mirrored (it shows text or has a side).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("things.tsv")
_IRREGULAR = {
    "mouse": "mice",
    "goose": "geese",
    "sheep": "sheep",
    "fish": "fish",
    "goldfish": "goldfish",
    "deer": "deer",
    "moose": "moose",
    "bison": "bison",
    "wolf": "wolves",
    "leaf": "leaves",
    "loaf": "loaves",
    "knife": "knives",
    "scarf": "scarves",
    "elf": "elves",
    "sheaf": "sheaves",
    "tooth": "teeth",
    "ox": "oxen",
    "policeman": "policemen",
    "fireman": "firemen",
    "spaceman": "spacemen",
    "potato": "potatoes",
    "tomato": "tomatoes",
    "mango": "mangoes",
    "buffalo": "buffaloes",
    "cactus": "cacti",
    "ufo": "ufos",
    "dice": "dice",
    "squid": "squid",
    "shrimp": "shrimps",
    "series": "series",
    "spacecraft": "spacecraft",
}
_LINKS = (" of ", " with ", " in ", " behind ", " on ", " for ", " from ", " taking ", " landing", " and ")


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A thing: the code points of its picture, and what it is called, the usual name first."""

    code: str
    group: str
    names: tuple[str, ...]
    mass: bool = False
    plural: bool = False
    definite: bool = False
    mirrors: bool = True

    @property
    def countable(self) -> bool:
        """Return whether there can be two of it in a caption."""
        return not (self.mass or self.plural or self.definite)


@cache
def things() -> tuple[Thing, ...]:
    """Return all things, in the order of the table."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(_thing(row) for row in csv.DictReader(file, delimiter="\t"))


@cache
def by_code() -> dict[str, Thing]:
    """Return the things by the code points of their pictures."""
    return {thing.code: thing for thing in things()}


@cache
def by_name() -> dict[str, Thing]:
    """Return the things by each of their names."""
    return {name: thing for thing in things() for name in thing.names}


def plural_of(name: str) -> str:
    """Return the plural of a name; of "slice of cake" the first noun changes."""
    for link in _LINKS:
        if link in name:
            head, tail = name.split(link, 1)
            return plural_of(head) + link + tail
    *before, noun = name.split(" ")
    return " ".join([*before, _plural_noun(noun)])


def _plural_noun(noun: str) -> str:
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "z", "ch", "sh")) else "s")


def _thing(row: dict[str, str]) -> Thing:
    flags = row["flags"]
    return Thing(
        code=row["code"],
        group=row["group"],
        names=tuple(name.strip() for name in row["names"].split(",")),
        mass="m" in flags,
        plural="p" in flags,
        definite="t" in flags,
        mirrors="x" not in flags,
    )
