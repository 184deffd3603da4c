"""Control images as the value of a switch: a kind, an image and a weight."""

from __future__ import annotations

import re
from dataclasses import dataclass

from invoke_cli.language.grammar.quotes import quote_value
from invoke_cli.language.switches.numbers import format_number
from invoke_cli.language.switches.values import display_value
from invoke_cli.request import ControlChoice

MAX_WEIGHT = 2.0

_NUMBER = r"(?:\d*\.)?\d+(?:e[-+]?\d+)?"
_PARTS = re.compile(rf"([^:]+):(.+?)(?::({_NUMBER}))?", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Controls:
    """A control image: KIND:IMAGE[:WEIGHT]; the weight defaults to 1."""

    takes: str = "one"
    prompt_text: bool = False

    def parse(self, text: str) -> tuple[ControlChoice, ...]:
        """Parse a control image; its weight is 0 to 2."""
        match = _PARTS.fullmatch(text)
        if match is None:
            raise ValueError(f"takes a kind and an image, such as canny:photo.jpg, not {display_value(text)}")
        weight = float(match[3]) if match[3] is not None else 1.0
        if weight > MAX_WEIGHT:
            raise ValueError(f"takes a weight from 0 to {MAX_WEIGHT:g} after the last colon, not {match[3]}")
        return (ControlChoice(match[1], match[2], weight),)

    def format(self, value: object) -> str:
        """Format a control image with its weight as one token; several are joined for display only."""
        assert isinstance(value, tuple)
        return quote_value(",".join(f"{kind}:{image}:{format_number(weight)}" for kind, image, weight in value))
