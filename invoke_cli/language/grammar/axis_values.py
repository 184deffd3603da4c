"""The values of one axis of a sweep: split lists, expand ranges, and drop values that are repeated."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from decimal import Decimal

from invoke_cli.errors import LineError, Span
from invoke_cli.language.grammar.tokens import Token
from invoke_cli.language.switches.numbers import Integers, Numbers, Variations
from invoke_cli.language.switches.phrases import Sides
from invoke_cli.language.switches.switch import Group, Switch
from invoke_cli.language.switches.table import by_field
from invoke_cli.language.switches.values import Text

MAX_CELLS = 400

_NUMBER = r"-?(?:\d+\.?\d*|\.\d+)"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?::({_NUMBER}))?")
_COMMA = re.compile(
    r"(?:\\.|\{[^{}]*\}|[^,\\]|\\$)+"
)  # a part between commas, in which escapes and braces hide a comma
_UNSPLIT = (Variations, Integers, Sides)  # a comma is part of these values
_WITHOUT_EFFECT = (Group.OUTPUT, Group.RUN)


def list_values(switch: Switch, token: Token) -> list[str]:
    """Return the values of an unquoted list or range; the text itself if it is a single value.

    Raises:
        LineError: If a range is invalid, or if the image does not depend on the switch.
    """
    if isinstance(switch.value, _UNSPLIT) or (switch.group in _WITHOUT_EFFECT and isinstance(switch.value, Text)):
        return [token.text]
    values = _split(switch, token)
    if len(values) > 1 and (switch.group in _WITHOUT_EFFECT or switch.field == "num_images"):
        message = f"{switch.spelling} takes one value in a sweep"
        hint = "list the seeds with -S" if switch.field == "num_images" else "the image does not depend on it"
        raise LineError(message, hint=hint, span=token.span)
    return values


def _split(switch: Switch, token: Token) -> list[str]:
    if isinstance(switch.value, Numbers):  # several words: -U 2,4 .5 is 2 .5 and 4 .5
        words = [_expand_list(word, token.span) for word in token.text.split()]
        return [" ".join(chosen) for chosen in itertools.product(*words)]
    return _expand_list(token.text, token.span)


def _expand_list(text: str, span: Span) -> list[str]:
    values: list[str] = []
    for part in filter(None, (match[0].strip() for match in _COMMA.finditer(text))):
        match = _RANGE.fullmatch(part)
        values += _range_values(match, span) if match else [part]
    return values or [text]


def _range_values(match: re.Match[str], span: Span) -> list[str]:
    """Return the values of a range, computed in decimal arithmetic, including the end if the step reaches it."""
    first, last = Decimal(match[1]), Decimal(match[2])
    is_whole = first == int(first) and last == int(last)
    step = Decimal(match[3]) if match[3] else Decimal(1)
    if step <= 0 or last < first or not (is_whole or match[3]):
        hint = "a range must ascend, and needs a step between decimals: .2..0.8:.2"
        raise LineError(f"invalid range: {match[0]}", hint=hint, span=span)
    count = int((last - first) / step) + 1
    if count > MAX_CELLS:
        message = f"the range {match[0]} has {count} values (at most {MAX_CELLS})"
        raise LineError(message, hint="use a larger step", span=span)
    return [_format_decimal(first + index * step) for index in range(count)]


def _format_decimal(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def without_repeats(field: str, texts: Sequence[str]) -> tuple[str, ...]:
    """Return the texts without those that have the same value as an earlier one: `.5,0.50,balanced` is `.5`."""
    unique: dict[object, str] = {}
    for text in texts:
        unique.setdefault(_parsed(field, text), text)
    return tuple(unique.values())


def _parsed(field: str, text: str) -> object:
    if field == "prompt":  # part of a prompt
        return text
    try:
        return by_field()[field].value.parse(text)
    except ValueError:
        return text  # reported when the line of its cell is parsed
