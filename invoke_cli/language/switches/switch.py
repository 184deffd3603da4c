"""The row type of the switch table. Everything about a switch is declared in its row."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from invoke_cli.language.switches.values import Value


class Group(Enum):
    """The groups of switches, in the order of the help."""

    BASIC = "basic"
    INIT_IMAGE = "init image"
    MASK = "mask"
    VARIATION = "variation"
    LOOK = "image look"
    POSTPROCESS = "postprocessing"
    OUTPUT = "output"
    RUN = "run"


class Needs(Enum):
    """The input that a switch requires."""

    NOTHING = "nothing"
    INIT = "an init image"
    MASK = "a mask"


class Completes(Enum):
    """The source of completions for the value of a switch."""

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
    """A row of the switch table.

    Attributes:
        field: The field of the request that the switch sets.
        flags: Its spellings; the first one is used in formatted lines, the last long one is its name.
        value: Converts text to a value and back.
        group: Its group in the help.
        help: Its description.
        metavar: The placeholder of the value in the help.
        default: The program's default, as it would be typed.
        recorded: Its name in the metadata of an image; empty if it does not affect the image.
        completes: The source of completions for its value.
        needs: The input that it requires.
        example: An example for error messages.
        is_repeatable: Whether a repeated switch adds to the earlier values.
        differing: Notices on spellings that did something else in InvokeAI 2.x.
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
    is_repeatable: bool = False
    differing: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def spelling(self) -> str:
        """The spelling used in formatted lines."""
        return self.flags[0]

    @property
    def name(self) -> str:
        """The long spelling."""
        return next(flag for flag in reversed(self.flags) if flag.startswith("--"))

    @property
    def is_flag(self) -> bool:
        """Whether the switch takes no value."""
        return self.value.takes == "nothing"
