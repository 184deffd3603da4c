"""A validator for the part of JSON Schema that our own schema uses; what it does not know is a KeyError."""

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
_REMARKS = {"title", "description", "$schema", "$id"}


def complaints(value: Any, schema: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """What is wrong with a value, place by place; nothing when it is valid."""
    for rule, said in schema.items():
        if rule not in _REMARKS:
            yield from _CHECKS[rule](value, said, where)


def _type(value: Any, said: Any, where: str) -> Iterator[str]:
    names = said if isinstance(said, list) else [said]
    if not any(isinstance(value, _TYPES[name]) and (name == "boolean") == isinstance(value, bool) for name in names):
        yield f"{where}: {value!r} is no {said}"


def _properties(value: Any, said: Any, where: str) -> Iterator[str]:
    for name, schema in said.items():
        if name in value:
            yield from complaints(value[name], schema, f"{where}.{name}")


def _items(value: Any, said: Any, where: str) -> Iterator[str]:
    for place, item in enumerate(value or ()):
        yield from complaints(item, said, f"{where}[{place}]")


def _one_of(value: Any, said: Any, where: str) -> Iterator[str]:
    tried = [list(complaints(value, schema, where)) for schema in said]
    if sum(not found for found in tried) != 1:
        yield f"{where}: {value!r} fits {sum(not found for found in tried)} of {len(said)}: {min(tried, key=len)}"


_CHECKS: Mapping[str, Any] = {
    "type": _type,
    "properties": _properties,
    "items": _items,
    "oneOf": _one_of,
    "const": lambda value, said, where: [] if value == said else [f"{where}: {value!r} is not {said!r}"],
    "enum": lambda value, said, where: [] if value in said else [f"{where}: {value!r} is none of {said}"],
    "required": lambda value, said, where: [f"{where}: no {name}" for name in said if name not in value],
    "minItems": lambda value, said, where: [] if value is None or len(value) >= said else [f"{where}: too few"],
    "maxItems": lambda value, said, where: [] if value is None or len(value) <= said else [f"{where}: too many"],
}
