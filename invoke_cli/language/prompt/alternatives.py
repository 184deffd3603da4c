"""Alternatives in a prompt: `{a|b|c}` stands for all of them, `{?a|b|c}` for one, and `__names__` among the options for
the lines of a list. Prompt source in, prompt sources out; where lists come from is the caller's business.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from invoke_cli.errors import PromptError, Span, blame

MAX_VARIANTS = 1000
MAX_DEPTH = 20

ReadList = Callable[[str], Sequence[str]]

_NOTHING = "\0"
_LIST = re.compile(r"__(\w(?:[\w./-]*\w)?)__")
_EMPTY = re.compile(rf"(?P<before>^|[ ]){_NOTHING}(?:(?P<after>[ ]|$)|(?=[,.;:!?]))|{_NOTHING}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Options in braces: `one` of them, or all. Each is a sequence of text and of choices inside it."""

    options: tuple[Parts, ...]
    one: bool


Parts = tuple["str | Choice", ...]


def has_alternatives(source: str) -> bool:
    """Whether braces in prompt source stand for several texts; PromptError for such that are not closed."""
    return any(isinstance(part, Choice) for part in _Reader(source, None).read())


def draws(source: str) -> bool:
    """Whether one of several texts is drawn, so that the seed decides."""
    return _draws(_Reader(source, None).read())


def variants(source: str, seed: int, read_list: ReadList) -> list[str]:
    """The sources that prompt source stands for, in order; `seed` draws where one option is wanted.

    PromptError, with its place in `source`, for braces that are not closed, and for more than `MAX_VARIANTS` texts.
    """
    parts = _Reader(source, read_list).read()
    return [_EMPTY.sub(_closed_up, text) for text in _texts(parts, random.Random(seed), source)]


def _closed_up(match: re.Match[str]) -> str:
    """One blank for an empty option between two words, none at an end or before a comma."""
    return " " if match["before"] == " " and match["after"] == " " else ""


def _draws(parts: Parts) -> bool:
    choices = [part for part in parts if isinstance(part, Choice)]
    return any(choice.one or any(map(_draws, choice.options)) for choice in choices)


def _texts(parts: Parts, source_of_chance: random.Random, whole: str) -> list[str]:
    texts = [""]
    for part in parts:
        found = [part] if isinstance(part, str) else _chosen(part, source_of_chance, whole)
        if len(texts) * len(found) > MAX_VARIANTS:
            raise _too_many(whole)
        texts = [text + more for text in texts for more in found]
    return texts


def _chosen(choice: Choice, source_of_chance: random.Random, whole: str) -> list[str]:
    if choice.one:
        chosen = choice.options[source_of_chance.randrange(len(choice.options))]
        return [text or _NOTHING for text in _texts(chosen, source_of_chance, whole)]
    found: list[str] = []
    for option in choice.options:
        found += [text or _NOTHING for text in _texts(option, source_of_chance, whole)]
        if len(found) > MAX_VARIANTS:
            raise _too_many(whole)
    return found


def _too_many(whole: str) -> PromptError:
    message = f"these alternatives make more than {MAX_VARIANTS} prompts"
    return PromptError(message, hint="use fewer of them, or {?a|b} to draw one", span=Span(0, len(whole)))


class _Reader:
    """One walk over a source. `trail` are the lists that led here; without `read_list` they are left unread."""

    def __init__(self, source: str, read_list: ReadList | None, trail: tuple[str, ...] = ()) -> None:
        self.source = source
        self.masked = re.sub(r"\\[\s\S]", "\0\0", source)
        self.read_list = read_list
        self.trail = trail

    def read(self) -> Parts:
        return self._between(0, len(self.source), 0)

    def _between(self, start: int, end: int, depth: int) -> Parts:
        if depth > MAX_DEPTH:
            raise PromptError("braces are nested too deeply", hint="write \\{ for a brace", span=Span(start, end))
        parts: list[str | Choice] = []
        position = start
        while (opened := self.masked.find("{", position, end)) != -1:
            closed, bars = self._partner(opened, end)
            if closed is None:
                self._check_open(opened, bars)
                parts.append(self.source[position : opened + 1])
                position = opened + 1
            elif not self._is_choice(opened, closed, bars):
                parts += [self.source[position : opened + 1], *self._between(opened + 1, closed, depth + 1), "}"]
                position = closed + 1
            else:
                parts += [self.source[position:opened], self._choice((opened, *bars, closed), depth)]
                position = closed + 1
        return (*parts, self.source[position:end])

    def _partner(self, opened: int, end: int) -> tuple[int | None, list[int]]:
        """Where the brace is closed, and the bars between its options."""
        depth, bars = 0, list[int]()
        for position in range(opened, end):
            char = self.masked[position]
            depth += (char == "{") - (char == "}")
            if depth == 0:
                return position, bars
            if char == "|" and depth == 1:
                bars.append(position)
        return None, bars

    def _is_choice(self, opened: int, closed: int, bars: list[int]) -> bool:
        inner = self.masked[opened + 1 : closed]
        return bool(bars) or inner.startswith("?") or _LIST.fullmatch(inner.strip()) is not None

    def _check_open(self, opened: int, bars: list[int]) -> None:
        if bars or self.masked[opened + 1 : opened + 2] == "?":
            message = "this brace with alternatives is not closed"
            raise PromptError(message, hint="close it with }, or write \\{ for a brace", span=Span(opened, opened + 1))

    def _choice(self, marks: tuple[int, ...], depth: int) -> Choice:
        one = self.masked[marks[0] + 1 : marks[0] + 2] == "?"
        starts = [marks[0] + (2 if one else 1), *(bar + 1 for bar in marks[1:-1])]
        options: list[Parts] = []
        for start, end in zip(starts, marks[1:], strict=True):
            options += self._option(start, end, depth)
        return Choice(options=tuple(options), one=one)

    def _option(self, start: int, end: int, depth: int) -> Iterator[Parts]:
        """An option without the blanks round it; in the place of a list's name, its entries."""
        text = self.masked[start:end]
        start, end = start + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip())
        named = _LIST.fullmatch(self.masked, start, end) if start < end else None
        if named is None:
            yield self._between(start, max(start, end), depth + 1)
        else:
            yield from self._entries(named[1], Span(start, end))

    def _entries(self, name: str, span: Span) -> Iterator[Parts]:
        if self.read_list is None:
            yield (name,)
            return
        if name in self.trail or len(self.trail) > MAX_DEPTH:
            raise PromptError(f"the list {name} leads back to itself", hint="take it out of its lines", span=span)
        with blame(span=span):
            for line in self.read_list(name):
                yield _Reader(line, self.read_list, (*self.trail, name)).read()
