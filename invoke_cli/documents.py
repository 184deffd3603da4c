"""Parse untrusted JSON and YAML: any invalid, too deep or too large document is one kind of error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MAX_YAML = 1_000_000  # characters
MAX_DEPTH = 50
MAX_NODES = 200_000  # of a YAML document whose references to other nodes are followed
# What the parser of YAML raises for invalid values, besides its own errors.
_YAML_FAILURES = (
    RecursionError, ValueError, TypeError, AttributeError, LookupError, AssertionError, ArithmeticError,
    NotImplementedError,
)  # fmt: skip


class InvalidDocument(ValueError):
    """A document that cannot be used, with the reason in one phrase."""


def parse_json(text: str | bytes) -> Any:
    """Parse JSON. Raises ValueError if it is invalid or nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise InvalidDocument("it is nested too deeply") from None


def parse_yaml(parser: Any, text: str) -> Any:
    """Parse YAML with a parser of ruamel.yaml.

    Raises:
        YAMLError: It is not YAML.
        InvalidDocument: It is too large or too deep, or nodes contain themselves.
    """
    if len(text) > MAX_YAML:
        raise InvalidDocument(f"it has more than {MAX_YAML} characters")
    if _bracket_depth(text) > MAX_DEPTH:
        raise InvalidDocument("it is nested too deeply")
    try:
        document = parser.load(text)
    except _YAML_FAILURES as error:
        reason = (
            "" if isinstance(error, RecursionError) else f": {str(error).splitlines()[0][:100] if str(error) else ''}"
        )
        raise InvalidDocument(f"it is nested too deeply or invalid{reason}") from None
    _NodeCount().add(document, 0)
    return document


def _bracket_depth(text: str) -> int:
    """Return how deeply the brackets in any line are nested: the parser's time grows with its square."""
    deepest = depth = 0
    for char in text:
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth = max(0, depth - 1)
    return deepest


class _NodeCount:
    """Counts the nodes of a document, each as often as it is referred to."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}
        self._open: set[int] = set()

    def add(self, node: object, depth: int) -> int:
        """Return the number of nodes in one. Raises InvalidDocument for too many or too deep ones, or a cycle."""
        if not isinstance(node, (Mapping, list, tuple, set)):
            return 1
        if id(node) in self._sizes:
            return self._sizes[id(node)]
        if depth > MAX_DEPTH or id(node) in self._open:
            raise InvalidDocument("it is nested too deeply")
        self._open.add(id(node))
        children = [*node.keys(), *node.values()] if isinstance(node, Mapping) else list(node)
        size = 1 + sum(self.add(child, depth + 1) for child in children)
        if size > MAX_NODES:
            raise InvalidDocument("its references expand to too many values")
        self._open.discard(id(node))
        self._sizes[id(node)] = size
        return size
