"""Find brackets without a partner. They are text; beside an operator a notice says so."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from invoke_cli.language.prompt.parser import AFTER_GROUP, NUMBER, masked

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_OPENING = {closing: opening for opening, closing in _CLOSING.items()}
_BRACKETS = frozenset("()[]{}")
_MAX_SHOWN = 40
_MAX_LOOKED_AT = 200
# A weight after the words of a bracket: `jungle0.5`, `jungle:0.5`, `jungle++`, `(jungle)0.5`.
_WEIGHT = re.compile(rf"(?<=[^\W\d_]){NUMBER}(?![\w.])|:\s*{NUMBER}(?![\w.])|(?<=\w)\+|(?<=\))(?:{NUMBER}|[+-])")
_GLUED = re.compile(rf"\(([^()\[\]{{}}\0]*?[^\W\d_])({NUMBER})(?![\w.])")
_INNER = re.compile(rf"\(([^()\[\]{{}}\0]*?\w)\s*:\s*({NUMBER})(?![\w.])")


@dataclass(frozen=True, kw_only=True, slots=True)
class UnbalancedBracket:
    """A bracket without a partner.

    Attributes:
        position: Its position in the source.
        char: The bracket.
        notice: How it is read and what to write instead; empty if it stands beside no operator.
    """

    position: int
    char: str
    notice: str = ""

    @property
    def is_open(self) -> bool:
        """Whether a closing bracket is missing."""
        return self.char in _CLOSING


def unbalanced_brackets(source: str) -> Iterator[UnbalancedBracket]:
    """Yield the brackets of a source that have no partner, in order; smileys are not brackets."""
    unescaped = masked(source)
    opened: dict[str, list[int]] = {char: [] for char in _CLOSING}
    unmatched: list[int] = []
    for position, char in enumerate(unescaped):
        places = opened.get(_OPENING.get(char, ""), [])
        if places:
            places.pop()
        elif char in _BRACKETS and not _is_smiley(unescaped, position):
            opened.get(char, unmatched).append(position)
    weights = [match.start() for match in _WEIGHT.finditer(unescaped)]
    for position in sorted(sum(opened.values(), unmatched)):
        next_weight = bisect_right(weights, position)
        is_near = next_weight < len(weights) and weights[next_weight] <= position + _MAX_LOOKED_AT
        notice = _notice(source, unescaped, position, is_weight_near=is_near)
        yield UnbalancedBracket(position=position, char=unescaped[position], notice=notice)


def unbalanced_notices(source: str) -> Iterator[str]:
    """Yield a notice for the first unbalanced bracket of each kind that stands beside an operator."""
    seen: set[str] = set()
    for bracket in unbalanced_brackets(source):
        if bracket.notice and bracket.char not in seen:
            seen.add(bracket.char)
            yield bracket.notice


def _is_smiley(unescaped: str, position: int) -> bool:
    after = unescaped[position + 1 : position + 2]
    return position > 0 and unescaped[position - 1] in ":;=-" and after in ("", " ", ",")


def _notice(source: str, unescaped: str, position: int, *, is_weight_near: bool) -> str:
    """Return the notice for an unmatched bracket; empty if nothing suggests that it was meant as an operator."""
    char, following = unescaped[position], unescaped[position + 1 : position + 2]
    if char == "(" and is_weight_near:
        return _missing(source, position, "close it", _repaired(source, unescaped, position))
    if char == "[" and following.strip():
        return _missing(source, position, "close it", "[words to avoid]")
    if char == ")" and AFTER_GROUP.match(unescaped, position + 1):
        return _missing(source, position, "add ( before the words", "(words)0.5")
    if char == "]" and unescaped[position - 1 : position].strip():
        return _missing(source, position, "add [ before the words", "[words to avoid]")
    return ""


def _missing(source: str, position: int, remedy: str, example: str) -> str:
    char = source[position]
    partner = _CLOSING.get(char) or _OPENING[char]
    start = position if char in _CLOSING else max(0, position - _MAX_SHOWN // 2)
    shown = source[start : position + _MAX_SHOWN].strip()
    instead = f"{remedy}, as in {example}, or write \\{char}"
    return f"the {char} in {shown} is read as text, since its {partner} is missing; {instead}"


def _repaired(source: str, unescaped: str, position: int) -> str:
    """Return the weighted words at an unclosed bracket as they were probably meant."""
    match = _GLUED.match(unescaped, position) or _INNER.match(unescaped, position)
    return f"({source[slice(*match.span(1))]}){match[2]}" if match else "(words)0.5"
