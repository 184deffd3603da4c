"""Expand a line with lists, ranges and alternatives (`a {red|blue} house -f .3,.5`) into a line for each combination.

Everything in a line that has several values is an axis. `axis_values` decides which values the text of a switch has,
and `language.prompt.alternatives` which options a prompt has.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from invoke_cli.errors import InvokeError, LineError, Span, blame
from invoke_cli.language.grammar.axis_values import MAX_CELLS, list_values, without_repeats
from invoke_cli.language.grammar.quotes import always_quoted, quote_prompt, quote_prompt_value, quote_value
from invoke_cli.language.grammar.tokens import Kind, Token, tokenise
from invoke_cli.language.prompt.alternatives import ReadList, join_options, options
from invoke_cli.language.switches.switch import Switch
from invoke_cli.language.switches.table import by_field

EXAMPLE = "!sweep a {red|blue} castle -f .3,.5,.8 -C 5..11:3 -A ddim,k_euler"

# Values that are expensive to change. Cells run in this order, so that models, images and prompts change least often.
_EXPENSIVE = (
    "model", "loras", "controls", "init_image", "init_mask", "width", "height", "clip_skip", "prompt",
    "negative_prompt",
)  # fmt: skip

_MAX_ROW = 12  # cells of a single axis in one row

ExpandValue = Callable[[str, str, int], Sequence[str]]


def _only_value(field: str, text: str, stage: int) -> Sequence[str]:  # noqa: ARG001  # the signature of ExpandValue
    return (text,)


@dataclass(frozen=True, kw_only=True, slots=True)
class AxisSources:
    """What a line needs from outside of itself to be expanded.

    Attributes:
        expand: Returns the values that a value stands for, given its field and its stage: the images of a folder, or
            the seeds of several images.
        is_file: Whether a text names a file, so that a comma is part of its name.
        read_list: Returns the entries of a list of words.
        with_alternatives: Whether braces in prompts are alternatives.
    """

    expand: ExpandValue = _only_value
    is_file: Callable[[str], bool] = lambda _: False
    read_list: ReadList | None = None
    with_alternatives: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """One thing that varies.

    Attributes:
        field: The request field.
        spelling: The switch as it is shown; empty for words of a prompt.
        values: The values in order, as they are shown.
        texts: The same values as they are inserted into the line.
        stage: The stage of the chain, from 0.
        span: Its position in the line.
    """

    field: str
    spelling: str
    values: tuple[str, ...]
    texts: tuple[str, ...]
    stage: int
    span: Span

    def label(self, index: int) -> str:
        """Return one of its values, with the switch."""
        return f"{self.spelling} {self.values[index]}".strip()


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """A part of the line that differs between cells: texts and, as numbers, the axes whose values are inserted."""

    span: Span
    parts: tuple[str | int, ...]
    quote: Callable[[str], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """A line and its axes. A cell is a tuple of indices, one for each axis; the last axis changes fastest."""

    line: str
    axes: tuple[Axis, ...]
    slots: tuple[Slot, ...] = field(repr=False)

    @property
    def cells(self) -> list[tuple[int, ...]]:
        """All cells, in display order."""
        return list(itertools.product(*(range(len(axis.values)) for axis in self.axes)))

    @property
    def cells_by_cost(self) -> list[tuple[int, ...]]:
        """All cells, in the order in which they are cheapest to generate."""
        expensive = [index for name in _EXPENSIVE for index, axis in enumerate(self.axes) if axis.field == name]
        return sorted(self.cells, key=lambda cell: [cell[index] for index in expensive])

    @property
    def blocks(self) -> list[list[tuple[int, ...]]]:
        """The cells in blocks of rows and columns: the last axis is the columns, the one before it the rows.

        There is one block for each combination of the other axes.
        """
        grouped = itertools.groupby(self.cells, key=lambda cell: cell[self.outer_axes])
        return [list(block) for _, block in grouped]

    @property
    def outer_axes(self) -> slice:
        """The axes that distinguish blocks."""
        return slice(0, max(0, len(self.axes) - 2))

    @property
    def inner_axes(self) -> slice:
        """The axes that distinguish the cells of a block: at most two."""
        return slice(self.outer_axes.stop, None)

    @property
    def columns(self) -> int:
        """The number of columns of a block; a single axis fills several rows if it is long."""
        if len(self.axes) == 1:
            return min(len(self.axes[0].values), _MAX_ROW)
        return len(self.axes[-1].values) if self.axes else 1

    @property
    def blocks_across(self) -> int:
        """The number of blocks beside each other, which makes the sheet closest to a square."""
        counts = [len(axis.values) for axis in self.axes[self.outer_axes]]
        total = math.prod(counts)
        rows = math.ceil(math.prod(len(axis.values) for axis in self.axes[self.inner_axes]) / self.columns)
        widths = [math.prod(counts[index:]) for index in range(len(counts) + 1)]
        return min(widths, key=lambda width: max(width * self.columns, total // width * rows))

    @property
    def names(self) -> list[str]:
        """The distinct names of the axes, such as `strength` or `prompt 2`."""
        plain = [_name(axis) for axis in self.axes]
        total, seen = Counter(plain), Counter[str]()
        names = []
        for name in plain:
            seen[name] += 1
            names.append(f"{name} {seen[name]}" if total[name] > 1 else name)
        return names

    def line_of(self, cell: Sequence[int]) -> str:
        """Return the ordinary line of a cell."""
        text = self.line
        for slot in sorted(self.slots, key=lambda slot: -slot.span.start):
            inserted = join_options(
                part if isinstance(part, str) else self.axes[part].texts[cell[part]] for part in slot.parts
            )
            before, after = text[: slot.span.start], text[slot.span.end :]
            blank = "" if before[-1:] in ("", " ", "=", "\t") else " "
            text = f"{before}{blank}{slot.quote(inserted)}{after}"
        return text

    def label_of(self, cell: Sequence[int], axes: slice = slice(None)) -> str:
        """Return the values of a cell, one for each axis or for some of the axes, with their switches."""
        return ", ".join(self.labels_of(cell, axes))

    def labels_of(self, cell: Sequence[int], axes: slice = slice(None)) -> list[str]:
        """Return the value of a cell on each axis, or on some of the axes, with their switches."""
        pairs = list(zip(self.axes, cell, strict=True))[axes]
        return [axis.label(index) for axis, index in pairs]


def _name(axis: Axis) -> str:
    name = by_field()[axis.field].name[2:]
    return f"{name} of stage {axis.stage + 1}" if axis.stage else name


def parse_sweep(line: str, sources: AxisSources | None = None) -> Sweep:
    """Parse the axes of a line.

    Raises:
        InvokeError: If the line has too many cells, two lists for one switch, an invalid range, or a list of values
            that do not affect the image; or if something that it refers to cannot be found.
    """
    try:
        sweep = _Parser(line, sources or AxisSources()).sweep()
    except InvokeError as error:
        raise error.located(line) from None
    count = math.prod(len(axis.values) for axis in sweep.axes)
    if count > MAX_CELLS:
        message = f"a sweep of {count} images is too large (at most {MAX_CELLS})"
        raise LineError(message, hint="remove values from the lists", span=sweep.axes[0].span).located(line)
    return sweep


class _Parser:
    """A single pass over the tokens of a line, which collects axes and slots."""

    def __init__(self, line: str, sources: AxisSources) -> None:
        self.line = line
        self.sources = sources
        self.axes: list[Axis] = []
        self.slots: list[Slot] = []
        self.stage = 0

    def sweep(self) -> Sweep:
        for token in tokenise(self.line):
            if token.kind is Kind.PIPE:
                self.stage += 1
            elif token.kind is Kind.PROMPT:
                self._add_options(token, "prompt", "", quote_prompt)
            elif token.kind is Kind.VALUE and token.switch is not None:
                self._add_value(token, token.switch)
        self._refuse_repeated()
        return Sweep(line=self.line, axes=tuple(self.axes), slots=tuple(self.slots))

    def _add_value(self, token: Token, switch: Switch) -> None:
        listed = [token.text] if self._is_whole(token, switch) else list_values(switch, token)
        if len(listed) == 1 and switch.value.prompt_text:
            self._add_options(token, switch.field, switch.spelling, _quoting(token, switch))
            return
        texts = [text for part in listed for text in self._variants(token, part)]
        expand = partial(self.sources.expand, switch.field)
        with blame(span=token.span):
            values = [value for text in texts for value in expand(text, self.stage)]
        if values != [token.text]:
            part = self._add_axis(token, switch.field, switch.spelling, values)
            self._add_slot(token, (part,), _quoting(token, switch))

    def _is_whole(self, token: Token, switch: Switch) -> bool:
        return token.quoted or (not switch.value.prompt_text and self.sources.is_file(token.text))

    def _options(self, token: Token, text: str) -> list[str | tuple[str, ...]]:
        if not self.sources.with_alternatives or "{" not in text:
            return [text]
        with blame(span=token.span):
            return options(text, self.sources.read_list)

    def _variants(self, token: Token, text: str) -> Iterator[str]:
        """Yield all variants of a value with alternatives."""
        parts = self._options(token, text)
        for chosen in itertools.product(*((part,) if isinstance(part, str) else part for part in parts)):
            yield join_options(chosen)

    def _add_options(self, token: Token, field: str, spelling: str, quote: Callable[[str], str]) -> None:
        """Add an axis for each pair of braces of a prompt."""
        parts = self._options(token, token.text)
        if len(parts) > 1 or not isinstance(parts[0], str):
            added = [part if isinstance(part, str) else self._add_axis(token, field, spelling, part) for part in parts]
            self._add_slot(token, added, quote)

    def _add_axis(self, token: Token, field: str, spelling: str, texts: Sequence[str]) -> str | int:
        """Add an axis with these values; return its index, or the value if there is only one."""
        unique = without_repeats(field, texts)
        if len(unique) == 1:
            return unique[0]
        shown = tuple(join_options([text]) or "(nothing)" for text in unique)
        axis = Axis(field=field, spelling=spelling, values=shown, texts=unique, stage=self.stage, span=token.span)
        self.axes.append(axis)
        return len(self.axes) - 1

    def _add_slot(self, token: Token, parts: Sequence[str | int], quote: Callable[[str], str]) -> None:
        self.slots.append(Slot(span=token.span, parts=tuple(parts), quote=quote))

    def _refuse_repeated(self) -> None:
        """Raise LineError if a switch of a stage has two lists, since only the last one would apply."""
        lists: dict[tuple[str, int], Span] = {}
        for axis in self.axes:
            first = lists.setdefault((axis.field, axis.stage), axis.span)
            if first != axis.span and not by_field()[axis.field].is_repeatable:
                message = f"{axis.spelling or 'the prompt'} has two lists"
                raise LineError(message, hint="merge them into one list", span=axis.span)


def _quoting(token: Token, switch: Switch) -> Callable[[str], str]:
    """Return how to write a value in place of a token; a quoted value stays quoted."""
    if switch.value.prompt_text:
        return quote_prompt if token.quoted else quote_prompt_value
    return always_quoted if token.quoted else quote_value


def with_switches(line: str, switches: str) -> str:
    """Add switches to the first stage of a line, before a comment."""
    ends = (token.span.start for token in tokenise(line) if token.kind in (Kind.PIPE, Kind.COMMENT))
    end = len(line[: next(ends, len(line))].rstrip())
    return f"{line[:end]} {switches}{line[end:]}"
