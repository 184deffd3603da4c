"""A validator for the part of JSON Schema that the shipped schema uses; an unknown rule is a KeyError."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_TYPES: Mapping[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
    "array": list,
    "object": dict,
}
_ANNOTATIONS = {"title", "description", "$schema", "$id"}


def errors(value: Any, schema: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """Yield the errors of a value with their places; none if it is valid."""
    for rule, expected in schema.items():
        if rule not in _ANNOTATIONS:
            yield from _CHECKS[rule](value, expected, where)


def _type(value: Any, expected: Any, where: str) -> Iterator[str]:
    names = expected if isinstance(expected, list) else [expected]
    if not any(isinstance(value, _TYPES[name]) and (name == "boolean") == isinstance(value, bool) for name in names):
        yield f"{where}: {value!r} is not of type {expected}"


def _properties(value: Any, expected: Any, where: str) -> Iterator[str]:
    for name, schema in expected.items():
        if name in value:
            yield from errors(value[name], schema, f"{where}.{name}")


def _items(value: Any, expected: Any, where: str) -> Iterator[str]:
    for place, item in enumerate(value if isinstance(value, list) else ()):
        yield from errors(item, expected, f"{where}[{place}]")


def _one_of(value: Any, expected: Any, where: str) -> Iterator[str]:
    tried = [list(errors(value, schema, where)) for schema in expected]
    if sum(not found for found in tried) != 1:
        yield f"{where}: {value!r} fits {sum(not found for found in tried)} of {len(expected)}: {min(tried, key=len)}"


_CHECKS: Mapping[str, Any] = {
    "type": _type,
    "properties": _properties,
    "items": _items,
    "oneOf": _one_of,
    "const": lambda value, expected, where: [] if value == expected else [f"{where}: {value!r} is not {expected!r}"],
    "enum": lambda value, expected, where: [] if value in expected else [f"{where}: {value!r} is none of {expected}"],
    "required": lambda value, expected, where: [f"{where}: no {name}" for name in expected if name not in value],
    "minItems": lambda value, expected, where: (
        [f"{where}: too few"] if isinstance(value, list) and len(value) < expected else []
    ),
    "maxItems": lambda value, expected, where: (
        [f"{where}: too many"] if isinstance(value, list) and len(value) > expected else []
    ),
}
