"""Parse the query of a text mask: `face AND NOT (hair OR hat) 0.4`. Operators are upper case.

A tree is evaluated at each pixel with fuzzy logic: AND is the minimum, OR the maximum, and NOT one minus the value
(Zadeh, Fuzzy Sets, 1965). Pixels above the threshold are painted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

DEFAULT_THRESHOLD = 0.5

Number = TypeVar("Number")

_THRESHOLD = re.compile(r"(?:^|\s)(0?\.\d+|[01](?:\.\d*)?)\s*$")
_TOKEN = re.compile(r"[()]|[^\s()]+")
_OPERATORS = ("AND", "OR", "NOT")


@dataclass(frozen=True, slots=True)
class Words:
    """A phrase of ordinary words."""

    words: str


@dataclass(frozen=True, slots=True)
class Not:
    """The negation of a node."""

    operand: Node


@dataclass(frozen=True, slots=True)
class BinaryOperation:
    """Two nodes joined by AND (`both`) or OR."""

    both: bool
    left: Node
    right: Node


Node = Words | Not | BinaryOperation


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskQuery:
    """The tree of a query, and the threshold, 0 to 1, above which a pixel is painted."""

    tree: Node
    threshold: float


def parse_mask_query(text: str) -> MaskQuery:
    """Parse the query of a text mask.

    Raises:
        ValueError: If the query is invalid; the message continues a sentence that starts with the switch.
    """
    match = _THRESHOLD.search(text)
    threshold = float(match[1]) if match else DEFAULT_THRESHOLD
    if not 0 <= threshold <= 1:
        raise ValueError(f"takes a threshold from 0 to 1, not {threshold:g}")
    reader = _Parser(_TOKEN.findall(text[: match.start()] if match else text))
    return MaskQuery(tree=reader.parse(), threshold=threshold)


def phrases(node: Node) -> tuple[str, ...]:
    """Return the distinct phrases of a tree, in order."""
    match node:
        case Words(words):
            return (words,)
        case Not(operand):
            return phrases(operand)
        case BinaryOperation(_, left, right):
            return tuple(dict.fromkeys((*phrases(left), *phrases(right))))


def evaluate(
    node: Node,
    value_of: Callable[[str], Number],
    minimum: Callable[[Number, Number], Number],
    maximum: Callable[[Number, Number], Number],
    complement: Callable[[Number], Number],
) -> Number:
    """Evaluate a tree with fuzzy logic.

    Args:
        node: The tree.
        value_of: Returns the value of a phrase, 0 to 1.
        minimum: Implements AND.
        maximum: Implements OR.
        complement: Implements NOT.
    """
    match node:
        case Words(words):
            return value_of(words)
        case Not(operand):
            return complement(evaluate(operand, value_of, minimum, maximum, complement))
        case BinaryOperation(both, left, right):
            join = minimum if both else maximum
            return join(
                evaluate(left, value_of, minimum, maximum, complement),
                evaluate(right, value_of, minimum, maximum, complement),
            )


class _Parser:
    """A recursive descent parser: NOT binds tightest, then AND, then OR."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def parse(self) -> Node:
        if not self.tokens:
            raise ValueError("needs words that describe the area to paint, such as face or sky")
        node = self._parse_or()
        if self.tokens:
            raise ValueError(f"has an unexpected {self.tokens[0]}")
        return node

    def _parse_or(self) -> Node:
        node = self._parse_and()
        while self._accept("OR"):
            node = BinaryOperation(False, node, self._parse_and())
        return node

    def _parse_and(self) -> Node:
        node = self._parse_unary()
        while self._accept("AND"):
            node = BinaryOperation(True, node, self._parse_unary())
        return node

    def _parse_unary(self) -> Node:
        if self._accept("NOT"):
            return Not(self._parse_unary())
        if self._accept("("):
            node = self._parse_or()
            if not self._accept(")"):
                raise ValueError("has an unclosed (")
            return node
        words: list[str] = []
        while self.tokens and self.tokens[0] not in (*_OPERATORS, "(", ")"):
            words.append(self.tokens.pop(0))
        if not words:
            raise ValueError("needs words on both sides of AND and OR, and after NOT")
        return Words(" ".join(words))

    def _accept(self, token: str) -> bool:
        if self.tokens[:1] != [token]:
            return False
        self.tokens.pop(0)
        return True
