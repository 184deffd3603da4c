"""Expand alternatives in a prompt: `{a|b|c}` gives all options, `{?a|b|c}` one; an option `__name__` inserts a list.

Takes prompt source and returns prompt sources; the caller reads the lists.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from invoke_cli.errors import PromptError, Span, blame

MAX_VARIANTS = 1000
MAX_DEPTH = 20

ReadList = Callable[[str], Sequence[str]]

_EMPTY_OPTION = "\0"
_LIST = re.compile(r"__(\w(?:[\w./-]*\w)?)__")
_BRACE_OR_BAR = re.compile(r"[{}|]")
_EMPTY_OPTION_RE = re.compile(rf"(?P<before>^|[ ]){_EMPTY_OPTION}(?:(?P<after>[ ]|$)|(?=[,.;:!?]))|{_EMPTY_OPTION}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Options in braces, of which `one` or all are used. Each option is a sequence of text and nested choices."""

    options: tuple[Parts, ...]
    one: bool


Parts = tuple["str | Choice", ...]


def has_alternatives(source: str) -> bool:
    """Return whether prompt source contains alternatives. Raises PromptError for unclosed braces."""
    return any(isinstance(part, Choice) for part in _Parser(source, None).read())


def is_random(source: str) -> bool:
    """Return whether the prompt makes a random choice, which depends on the seed."""
    return _is_random(_Parser(source, None).read())


def variants(source: str, seed: int, read_list: ReadList) -> list[str]:
    """Expand prompt source into all of its variants, in order.

    Args:
        source: The prompt source.
        seed: The seed of random choices.
        read_list: Returns the entries of a named list.

    Raises:
        PromptError: For unclosed braces, or more than `MAX_VARIANTS` variants; its span lies within `source`.
    """
    parts = _Parser(source, read_list).read()
    return [join_options([text]) for text in _expand(parts, random.Random(seed), source)]


def options(source: str, read_list: ReadList | None = None) -> list[str | tuple[str, ...]]:
    """Split prompt source at its alternatives `{a|b}`; random choices `{?a|b}` remain text.

    Returns:
        The parts in order: a text, or all options of one pair of braces. `join_options` joins a selection.

    Raises:
        PromptError: For unclosed braces, or more than `MAX_VARIANTS` options; its span lies within `source`.
    """
    parts: list[str | tuple[str, ...]] = []
    for part in _Parser(source, read_list).read():
        if isinstance(part, Choice) and not part.one:
            parts.append(tuple(_expand((part,), None, source)))
        else:
            parts.append(part if isinstance(part, str) else _choice_source(part))
    return parts


def join_options(texts: Iterable[str]) -> str:
    """Join texts and selected options to prompt source, without the blanks around an empty option."""
    return _EMPTY_OPTION_RE.sub(_remove_empty, "".join(texts))


def _choice_source(choice: Choice) -> str:
    """Return the source of a choice."""
    inner = "|".join("".join(map(_part_source, option)) for option in choice.options)
    return f"{{{'?' if choice.one else ''}{inner}}}"


def _part_source(part: str | Choice) -> str:
    """Return the source of a part of an option, in which a bar is text."""
    return (
        re.sub(r"(\\[\s\S])|\|", lambda match: match[1] or "\\|", part)
        if isinstance(part, str)
        else _choice_source(part)
    )


def _remove_empty(match: re.Match[str]) -> str:
    """Replace an empty option by one blank between two words, and by nothing at an end or before a comma."""
    return " " if match["before"] == " " and match["after"] == " " else ""


def _is_random(parts: Parts) -> bool:
    choices = [part for part in parts if isinstance(part, Choice)]
    return any(choice.one or any(map(_is_random, choice.options)) for choice in choices)


def _expand(parts: Parts, rng: random.Random | None, source: str) -> list[str]:
    """Return all texts of the parts; without a generator, random choices remain as they are."""
    texts = [""]
    for part in parts:
        found = [part] if isinstance(part, str) else _expand_choice(part, rng, source)
        if len(texts) * len(found) > MAX_VARIANTS:
            raise _too_many(source)
        texts = [text + more for text in texts for more in found]
    return texts


def _expand_choice(choice: Choice, rng: random.Random | None, source: str) -> list[str]:
    if choice.one and rng is None:
        return [_choice_source(choice)]
    chosen = [choice.options[rng.randrange(len(choice.options))]] if choice.one and rng is not None else choice.options
    found: list[str] = []
    for option in chosen:
        found += [text or _EMPTY_OPTION for text in _expand(option, rng, source)]
        if len(found) > MAX_VARIANTS:
            raise _too_many(source)
    return found


def _too_many(source: str) -> PromptError:
    message = f"these alternatives expand to more than {MAX_VARIANTS} prompts"
    return PromptError(message, hint="use fewer alternatives, or {?a|b} for a random choice", span=Span(0, len(source)))


def _braces_and_bars(masked: str) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Return the closing brace of each closed one, and the bars between the options of each brace, closed or not."""
    closing: dict[int, int] = {}
    bars: dict[int, list[int]] = {}
    opened: list[int] = []
    for match in _BRACE_OR_BAR.finditer(masked):
        position = match.start()
        if match[0] == "{":
            opened.append(position)
            bars[position] = []
        elif opened and match[0] == "}":
            closing[opened.pop()] = position
        elif opened:
            bars[opened[-1]].append(position)
    return closing, bars


class _Parser:
    """Parse one source. `enclosing_lists` are the lists being expanded; without `read_list`, lists are not read."""

    def __init__(self, source: str, read_list: ReadList | None, enclosing_lists: tuple[str, ...] = ()) -> None:
        self.source = source
        self.masked = re.sub(r"\\[\s\S]", "\0\0", source)
        self.braces, self.bars = _braces_and_bars(self.masked)
        self.read_list = read_list
        self.enclosing_lists = enclosing_lists

    def read(self) -> Parts:
        return self._parse_between(0, len(self.source), 0)

    def _parse_between(self, start: int, end: int, depth: int) -> Parts:
        if depth > MAX_DEPTH:
            hint = "write \\{ for a literal brace"
            raise PromptError("braces are nested too deeply", hint=hint, span=Span(start, end))
        parts: list[str | Choice] = []
        position = start
        while (opened := self.masked.find("{", position, end)) != -1:
            closed, bars = self.braces.get(opened, end), self.bars[opened]
            if closed >= end:
                self._check_open(opened, bars)
                parts.append(self.source[position : opened + 1])
                position = opened + 1
            elif not self._is_choice(opened, closed, bars):
                parts += [self.source[position : opened + 1], *self._parse_between(opened + 1, closed, depth + 1), "}"]
                position = closed + 1
            else:
                parts += [self.source[position:opened], self._parse_choice((opened, *bars, closed), depth)]
                position = closed + 1
        return (*parts, self.source[position:end])

    def _is_choice(self, opened: int, closed: int, bars: list[int]) -> bool:
        inner = self.masked[opened + 1 : closed]
        return bool(bars) or inner.startswith("?") or _LIST.fullmatch(inner.strip()) is not None

    def _check_open(self, opened: int, bars: list[int]) -> None:
        if bars or self.masked[opened + 1 : opened + 2] == "?":
            message = "unclosed brace with alternatives"
            hint = "close it with }, or write \\{ for a literal brace"
            raise PromptError(message, hint=hint, span=Span(opened, opened + 1))

    def _parse_choice(self, delimiters: tuple[int, ...], depth: int) -> Choice:
        one = self.masked[delimiters[0] + 1 : delimiters[0] + 2] == "?"
        starts = [delimiters[0] + (2 if one else 1), *(bar + 1 for bar in delimiters[1:-1])]
        options: list[Parts] = []
        for start, end in zip(starts, delimiters[1:], strict=True):
            options += self._parse_option(start, end, depth)
        return Choice(options=tuple(options), one=one)

    def _parse_option(self, start: int, end: int, depth: int) -> Iterator[Parts]:
        """Parse an option without surrounding blanks; for the name of a list, yield its entries."""
        text = self.masked[start:end]
        start, end = start + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip())
        named = _LIST.fullmatch(self.masked, start, end) if start < end else None
        if named is None:
            yield self._parse_between(start, max(start, end), depth + 1)
        else:
            yield from self._list_entries(named[1], Span(start, end))

    def _list_entries(self, name: str, span: Span) -> Iterator[Parts]:
        if self.read_list is None:
            yield (name,)
            return
        if name in self.enclosing_lists or len(self.enclosing_lists) > MAX_DEPTH:
            raise PromptError(f"the list {name} includes itself", hint="remove it from its own lines", span=span)
        with blame(span=span):
            for line in self.read_list(name):
                yield _Parser(line, self.read_list, (*self.enclosing_lists, name)).read()
