"""Find swaps in prompt source: `cat.swap(dog)`, `(black cat).swap(white dog, t_end=.6)`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from invoke_cli.errors import PromptError, Span
from invoke_cli.language.prompt.ast import Windows

SWAP = re.compile(r"(?<=[\w)\"])\.swap\(")
BREAKS_WORD = re.compile(r"[\s()\[\]{}\"|,;:!?]")
_OPTION = re.compile(r",\s*([A-Za-z]\w*)\s*=([^,=]*)")
_PARTNER = re.compile(r"[()\"]")
_SHARE = re.compile(r"0|1|[01]?\.\d+")
_EXAMPLE = "for example a cat.swap(dog) on a chair; to keep it as text, write \\( for the bracket"


@dataclass(frozen=True, kw_only=True, slots=True)
class SwapMatch:
    """The position of a swap: the original words, the replacement, and the whole expression."""

    before: Span
    after: Span
    whole: Span
    windows: Windows


class Partners:
    """The brackets and quotes of a source that belong together, found in one pass.

    Attributes:
        closing: The position that closes each bracket or quote. Each quote is closed by the next one.
        opening: The position of the bracket that each closing bracket closes.
    """

    def __init__(self, masked: str) -> None:
        self.closing: dict[int, int] = {}
        self.opening: dict[int, int] = {}
        opened: list[int] = []
        last_quote: int | None = None
        for match in _PARTNER.finditer(masked):
            position, char = match.start(), match[0]
            if char == "(":
                opened.append(position)
            elif char == ")" and opened:
                self.opening[position] = opened[-1]
                self.closing[opened.pop()] = position
            elif char == '"':
                if last_quote is not None:
                    self.closing[last_quote] = position
                last_quote = position

    def closing_before(self, opened: int, end: int) -> int | None:
        """Return the position before `end` that closes the bracket or quote at `opened`; None if there is none."""
        closed = self.closing.get(opened, end)
        return closed if closed < end else None


def find_swaps(masked: str, partners: Partners) -> Iterator[SwapMatch]:
    """Yield the swaps in a source, in order. Raises PromptError for an invalid one."""
    position = 0
    while (match := SWAP.search(masked, position)) is not None:
        operator = Span(match.start(), match.end())
        closed = partners.closing_before(operator.end - 1, len(masked))
        if closed is None:
            span = Span(operator.end - 1, operator.end)
            raise PromptError("unclosed bracket", hint=_EXAMPLE, span=span)
        before, start = _original_span(masked, position, operator, partners)
        after, windows = _replacement_span(masked, Span(operator.end, closed))
        yield SwapMatch(before=before, after=after, whole=Span(start, closed + 1), windows=windows)
        position = closed + 1


def _original_span(masked: str, search_start: int, operator: Span, partners: Partners) -> tuple[Span, int]:
    """Return the words before an operator (a word, or the inside of brackets or quotes), and the start of all of it."""
    last = operator.start - 1
    if masked[last] == '"':
        opened = masked.rfind('"', search_start, last)
    elif masked[last] == ")":
        opened = partners.opening.get(last, -1)
        opened = opened if opened >= search_start else -1
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
    while (option := _last_option(masked, inside.start, end)) is not None:
        span = Span(option.start(1), option.end())
        share = option[2].strip()
        if option[1] not in (*Windows.NAMES, "shape_freedom"):
            hint = f"valid options: {', '.join(Windows.NAMES)} and shape_freedom, each from 0 to 1"
            raise PromptError(f"unknown option of .swap(): {option[1]}", hint=hint, span=span)
        if not _SHARE.fullmatch(share) or float(share) > 1:
            raise PromptError(f"{option[1]} must be a number from 0 to 1", hint="for example t_end=.6", span=span)
        options[option[1]] = float(share)
        end = option.start()
    return _unquoted(masked, Span(inside.start, end)), _windows(options)


def _last_option(masked: str, start: int, end: int) -> re.Match[str] | None:
    """Return the option at the end of a region; None if its last part is none."""
    comma = masked.rfind(",", start, end)
    return _OPTION.fullmatch(masked, comma, end) if comma != -1 else None


def _unquoted(masked: str, region: Span) -> Span:
    """Return the words of a region without the blanks around them and the quotes around all of them."""
    text = masked[region.start : region.end]
    words = text.strip()
    start = region.start + len(text) - len(text.lstrip())
    is_quoted = len(words) > 1 and words[0] == words[-1] == '"' and '"' not in words[1:-1]
    return Span(start + is_quoted, start + len(words) - is_quoted)


def _windows(options: dict[str, float]) -> Windows:
    """Convert options to windows. `shape_freedom` is another way to set s_end: 1 minus its cube root."""
    shape_freedom = options.pop("shape_freedom", None)
    if shape_freedom is not None:
        options.setdefault("s_end", round(1 - shape_freedom ** (1 / 3), 6))
    return Windows(**options)
