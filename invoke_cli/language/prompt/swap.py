"""Find swaps in prompt source: `cat.swap(dog)`, `(black cat).swap(white dog, t_end=.6)`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from invoke_cli.errors import PromptError, Span
from invoke_cli.language.prompt.ast import Windows

SWAP = re.compile(r"(?<=[\w)\"])\.swap\(")
BREAKS_WORD = re.compile(r"[\s()\[\]{}\"|,;:!?]")
_OPTION = re.compile(r",\s*([A-Za-z]\w*)\s*=\s*([^,=]*?)\s*$")
_SHARE = re.compile(r"0|1|[01]?\.\d+")
_EXAMPLE = "for example a cat.swap(dog) on a chair; to keep it as text, write \\( for the bracket"


@dataclass(frozen=True, kw_only=True, slots=True)
class SwapMatch:
    """The position of a swap: the original words, the replacement, and the whole expression."""

    before: Span
    after: Span
    whole: Span
    windows: Windows


def closing_position(masked: str, opened: int, end: int) -> int | None:
    """Return the position before `end` that closes the bracket or quote at `opened`; None if there is none."""
    if masked[opened] == '"':
        closed = masked.find('"', opened + 1, end)
        return closed if closed != -1 else None
    depth = 0
    for position in range(opened, end):
        depth += (masked[position] == "(") - (masked[position] == ")")
        if depth == 0:
            return position
    return None


def find_swaps(masked: str) -> Iterator[SwapMatch]:
    """Yield the swaps in a source, in order. Raises PromptError for an invalid one."""
    position = 0
    while (match := SWAP.search(masked, position)) is not None:
        operator = Span(match.start(), match.end())
        closed = closing_position(masked, operator.end - 1, len(masked))
        if closed is None:
            span = Span(operator.end - 1, operator.end)
            raise PromptError("unclosed bracket", hint=_EXAMPLE, span=span)
        before, start = _original_span(masked, position, operator)
        after, windows = _replacement_span(masked, Span(operator.end, closed))
        yield SwapMatch(before=before, after=after, whole=Span(start, closed + 1), windows=windows)
        position = closed + 1


def _original_span(masked: str, search_start: int, operator: Span) -> tuple[Span, int]:
    """Return the words before an operator (a word, or the inside of brackets or quotes), and the start of all of it."""
    last = operator.start - 1
    if masked[last] == '"':
        opened = masked.rfind('"', search_start, last)
    elif masked[last] == ")":
        opened = max(
            (at for at in range(search_start, last) if closing_position(masked, at, last + 1) == last), default=-1
        )
    else:
        start = operator.start
        while start > search_start and not BREAKS_WORD.match(masked[start - 1]):
            start -= 1
        return Span(start, operator.start), start
    if opened == -1:
        raise PromptError("the words before .swap() have no opening bracket or quote", hint=_EXAMPLE, span=operator)
    return Span(opened + 1, last), opened


def _replacement_span(masked: str, inside: Span) -> tuple[Span, Windows]:
    """Return the replacement and the options after it."""
    options: dict[str, float] = {}
    end = inside.end
    while (option := _OPTION.search(masked, inside.start, end)) is not None:
        span = Span(option.start(1), option.end())
        if option[1] not in (*Windows.NAMES, "shape_freedom"):
            hint = f"valid options: {', '.join(Windows.NAMES)} and shape_freedom, each from 0 to 1"
            raise PromptError(f"unknown option of .swap(): {option[1]}", hint=hint, span=span)
        if not _SHARE.fullmatch(option[2]) or float(option[2]) > 1:
            raise PromptError(f"{option[1]} must be a number from 0 to 1", hint="for example t_end=.6", span=span)
        options[option[1]] = float(option[2])
        end = option.start()
    words = re.fullmatch(r'\s*"([^"]*)"\s*|\s*(.*?)\s*', masked[inside.start : end], re.DOTALL)
    assert words is not None
    return Span(*words.span(1 if words[1] is not None else 2)).shifted(inside.start), _windows(options)


def _windows(options: dict[str, float]) -> Windows:
    """Convert options to windows. `shape_freedom` is another way to set s_end: 1 minus its cube root."""
    shape_freedom = options.pop("shape_freedom", None)
    if shape_freedom is not None:
        options.setdefault("s_end", round(1 - shape_freedom ** (1 / 3), 6))
    return Windows(**options)
