"""Expand a line with lists and ranges (`a castle -f .3,.5,.8 -C 5..11:3`) into one line for each combination."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from invoke_cli.errors import LineError, Span
from invoke_cli.language.grammar.quotes import quote_value
from invoke_cli.language.grammar.tokens import Kind, Token, tokenise
from invoke_cli.language.switches.numbers import Variations
from invoke_cli.language.switches.switch import Switch

MAX_CELLS = 400

_NUMBER = r"-?(?:\d+\.?\d*|\.\d+)"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?::({_NUMBER}))?")
# Values that are expensive to change. Cells run in this order, so that models, images and prompts change least often.
_EXPENSIVE = ("model", "init_image", "init_mask", "width", "height", "clip_skip", "prompt", "negative_prompt")


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """A switch, its values in order, and the `span` of the list in the line."""

    switch: Switch
    values: tuple[str, ...]
    span: Span

    def label(self, index: int) -> str:
        """Return the switch with one of its values."""
        return f"{self.switch.spelling} {self.values[index]}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """A line and its axes. A cell is a tuple of indices, one for each axis; the last axis changes fastest."""

    line: str
    axes: tuple[Axis, ...]

    @property
    def cells(self) -> list[tuple[int, ...]]:
        """All cells, in display order."""
        return list(itertools.product(*(range(len(axis.values)) for axis in self.axes)))

    @property
    def columns(self) -> int:
        """The number of columns of the grid: the product of as many last axes as make the grid closest to a square."""
        counts = [len(axis.values) for axis in self.axes]
        widths = [math.prod(counts[index:]) for index in range(len(counts))]
        total = math.prod(counts)
        return min(widths, key=lambda width: (max(width, total / width), width)) if len(counts) > 1 else min(total, 12)

    @property
    def cells_by_cost(self) -> list[tuple[int, ...]]:
        """All cells, in the order in which they are cheapest to generate."""
        expensive = [index for name in _EXPENSIVE for index, axis in enumerate(self.axes) if axis.switch.field == name]
        return sorted(self.cells, key=lambda cell: [cell[index] for index in expensive])

    def line_of(self, cell: Sequence[int]) -> str:
        """Return the ordinary line of a cell."""
        text = self.line
        for axis, index in sorted(zip(self.axes, cell, strict=True), key=lambda pair: -pair[0].span.start):
            blank = "" if text[axis.span.start - 1 : axis.span.start] in (" ", "=", "\t") else " "
            text = f"{text[: axis.span.start]}{blank}{quote_value(axis.values[index])}{text[axis.span.end :]}"
        return text

    def label_of(self, cell: Sequence[int]) -> str:
        """Return the values of a cell, one for each axis, with their switches."""
        return "  ".join(axis.label(index) for axis, index in zip(self.axes, cell, strict=True))


def _repeated_axis(axes: Sequence[Axis]) -> Axis | None:
    """Return the first axis whose switch has another one."""
    counts = Counter(axis.switch.field for axis in axes)
    return next((axis for axis in axes if counts[axis.switch.field] > 1), None)


def parse_sweep(line: str) -> Sweep:
    """Parse the axes of a line.

    Raises:
        LineError: If the line has no axes, too many cells, two lists for one switch, or an invalid range.
    """
    tokens = tokenise(line)
    axes = tuple(axis for token in tokens if (axis := _parse_axis(token)) is not None)
    repeated = _repeated_axis(axes)
    if repeated is not None and not any(token.kind is Kind.PIPE for token in tokens):
        message = f"{repeated.switch.spelling} has two lists"
        raise LineError(message, hint="merge them into one list", span=repeated.span).located(line)
    if not axes:
        hint = "!sweep a castle -f .3,.5,.8 -C 5..11:3 -A ddim,k_euler"
        raise LineError("a sweep needs a list or a range", hint=hint, span=Span(0, len(line))).located(line)
    count = math.prod(len(axis.values) for axis in axes)
    if count > MAX_CELLS:
        message = f"a sweep of {count} images is too large (at most {MAX_CELLS})"
        raise LineError(message, hint="remove values from the lists", span=axes[0].span).located(line)
    return Sweep(line=line, axes=axes)


def _parse_axis(token: Token) -> Axis | None:
    """Return the axis of a value token: an unquoted list or range; None for a single value."""
    switch = token.switch
    if token.kind is not Kind.VALUE or switch is None or token.quoted or isinstance(switch.value, Variations):
        return None
    values: list[str] = []
    for part in filter(None, (part.strip() for part in token.text.split(","))):
        match = _RANGE.fullmatch(part)
        values += _range_values(match, token) if match else [part]
    unique = tuple(dict.fromkeys(values))
    return Axis(switch=switch, values=unique, span=token.span) if len(unique) > 1 else None


def _range_values(match: re.Match[str], token: Token) -> list[str]:
    """Return the values of a range in exact decimals, including the end if the step reaches it."""
    first, last = Decimal(match[1]), Decimal(match[2])
    is_whole = first == int(first) and last == int(last)
    step = Decimal(match[3]) if match[3] else Decimal(1)
    if step <= 0 or last < first or not (is_whole or match[3]):
        hint = "a range must ascend, and needs a step between decimals: .2..0.8:.2"
        raise LineError(f"invalid range: {match[0]}", hint=hint, span=token.span)
    count = int((last - first) / step) + 1
    if count > MAX_CELLS:
        message = f"the range {match[0]} has {count} values (at most {MAX_CELLS})"
        raise LineError(message, hint="use a larger step", span=token.span)
    return [_format_decimal(first + index * step) for index in range(count)]


def _format_decimal(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def with_seed(line: str, seed: int) -> str:
    """Add a seed to the first stage of a line."""
    pipe = next((token.span.start for token in tokenise(line) if token.kind is Kind.PIPE), None)
    end = len(line.rstrip()) if pipe is None else len(line[:pipe].rstrip())
    return f"{line[:end]} -S {seed}{line[end:]}"
