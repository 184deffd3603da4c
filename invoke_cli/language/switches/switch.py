"""What a row of the switch table has to answer, so that nothing else repeats it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from invoke_cli.language.switches.values import Value


class Group(Enum):
    """The chapters of the switch help, in order."""

    BASIC = "basic"
    INIT_IMAGE = "init image"
    MASK = "mask"
    VARIATION = "variation"
    LOOK = "look"
    AFTER = "after the picture"
    OUTPUT = "output"
    RUN = "run"


class Needs(Enum):
    """What must be there for a switch to mean anything."""

    NOTHING = "nothing"
    INIT = "an init image"
    MASK = "a mask"


class Completes(Enum):
    """What the words after a switch can be completed from."""

    NOTHING = "nothing"
    SAMPLER = "sampler"
    MODEL = "model"
    IMAGE = "image"
    DIRECTORY = "directory"
    SEED = "seed"
    LORA = "lora"
    START = "start"


@dataclass(frozen=True, kw_only=True, slots=True)
class Switch:
    """One row: how it is spelt, which field it sets, how text becomes value and back, how it is explained and recorded.

    `recorded` is its name in the metadata of a picture, empty where it does not change the picture. `default` is the
    program's default as it would be typed. Where it `adds_up`, a repeated switch adds to what it said before.
    """

    field: str
    flags: tuple[str, ...]
    value: Value
    group: Group
    help: str
    metavar: str = ""
    default: str = ""
    recorded: str = ""
    completes: Completes = Completes.NOTHING
    needs: Needs = Needs.NOTHING
    example: str = ""
    adds_up: bool = False

    @property
    def spelling(self) -> str:
        """The spelling that lines are written with."""
        return self.flags[0]

    @property
    def name(self) -> str:
        """The long spelling."""
        return self.flags[-1]

    @property
    def is_flag(self) -> bool:
        """Whether the switch takes no value at all."""
        return self.value.takes == "nothing"
