"""Value types of several words, up to the next switch: sides to extend, and the query of a text mask."""

from __future__ import annotations

import re
from dataclasses import dataclass

from invoke_cli.language.grammar.quotes import quote_value
from invoke_cli.language.switches.mask_query import parse_mask_query
from invoke_cli.language.switches.values import display_value
from invoke_cli.request import Borders

MAX_BORDER = 8192

_PAIR = re.compile(r"([A-Za-z]+)\s*[\s=:]\s*([0-9]{1,9})")
_SIDES = {"left": 0, "top": 1, "right": 2, "bottom": 3, "up": 1, "down": 3}
_ENDS_WORDS = re.compile(r"(^| )(--?[A-Za-z]|[|#\"'])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sides:
    """Sides and pixels: `top 64 right 128`; `all 64` extends every side."""

    takes: str = "words"
    prompt_text: bool = False

    def parse(self, text: str) -> Borders:
        """Parse the number of pixels for each side, 0 to 8192."""
        sides = [0, 0, 0, 0]
        position = 0
        for match in _PAIR.finditer(text):
            if text[position : match.start()].strip(" ,"):
                break
            for side in self._side_indices(match[1]):
                if sides[side]:
                    raise ValueError(f"names {match[1]} twice")
                sides[side] = self._pixels(match[2])
            position = match.end()
        if text[position:].strip(" ,") or not position:
            raise ValueError(
                f"takes sides and pixels, such as top 64 right 128, not {display_value(text[position:].strip())}"
            )
        return Borders(*sides)

    def _side_indices(self, name: str) -> tuple[int, ...]:
        if name.lower() == "all":
            return (0, 1, 2, 3)
        if name.lower() not in _SIDES:
            raise ValueError(f"takes the sides top, bottom, left, right or all, not {display_value(name)}")
        return (_SIDES[name.lower()],)

    def _pixels(self, text: str) -> int:
        if not 1 <= int(text) <= MAX_BORDER:
            raise ValueError(f"takes 1 to {MAX_BORDER} pixels a side, not {text}")
        return int(text)

    def format(self, value: object) -> str:
        """Format the sides with pixels, in the order top, right, bottom, left."""
        assert isinstance(value, Borders)
        pairs = (("top", value.top), ("right", value.right), ("bottom", value.bottom), ("left", value.left))
        return " ".join(f"{name} {pixels}" for name, pixels in pairs if pixels)


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskWords:
    """The query of a text mask: words joined by AND, OR and NOT, and an optional threshold: `face AND NOT hair 0.4`."""

    takes: str = "words"
    prompt_text: bool = False

    def parse(self, text: str) -> str:
        """Check the query and normalise its blanks."""
        parse_mask_query(text)
        return " ".join(text.split())

    def format(self, value: object) -> str:
        """Format the query, quoted if something in it would end the value."""
        return quote_value(str(value)) if _ENDS_WORDS.search(str(value)) else str(value)
