"""Find the end of an unquoted prompt. Brackets, quotes and escapes protect characters that would end it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterator

from invoke_cli.language.grammar.quotes import BLANKS, ESCAPABLE, closing_quote
from invoke_cli.language.grammar.spellings import all_spellings, looks_like_switch

_BRACKETS = {")": "(", "]": "[", "}": "{"}


class FreeText:
    """The extent of the unquoted prompts from `start` to the next switch, with the bars that separate their stages.

    Attributes:
        start: Where they begin.
        stop: Where they end: at a switch, or at the end of the line.
        lone_quote: The position of an unbalanced double quote, or None.
    """

    def __init__(self, text: str, start: int, end: int) -> None:
        self.text = text
        self.start = start
        self.lone_quote: int | None = None
        self.stop = end
        delimiters = list(self._brackets_and_bars(text, start, end))
        self.bars = list(_outer_bars(text, end, delimiters))

    def stop_after(self, start: int) -> int:
        """Return where the prompt that begins at `start` ends: at a switch, a `|` between stages or the line's end."""
        index = bisect_right(self.bars, start)
        return self.bars[index] if index < len(self.bars) else self.stop

    def unbalanced_quote(self, start: int) -> int | None:
        """Return the unbalanced quote to point at in a prompt that begins at `start`; None if there is none."""
        return None if self.lone_quote is None else _misread_quote(self.text, start, self.lone_quote)

    def _brackets_and_bars(self, text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
        """Yield the unquoted, unescaped brackets and bars up to the first switch (which sets `stop`)."""
        position = start
        while position < end:
            char = text[position]
            if char == "\\" and text[position + 1 : position + 2] in ESCAPABLE:
                position += 2
                continue
            if char == '"':
                close = closing_quote(text, position)
                if close is None or close >= end:
                    self.lone_quote = position
                    return
                position = close
            elif char == "-" and text[position - 1] in BLANKS and looks_like_switch(text, position):
                self.stop = position
                return
            elif char in "()[]{}|":
                yield position, char
            position += 1


def _outer_bars(text: str, end: int, delimiters: list[tuple[int, str]]) -> Iterator[int]:
    """Yield the bars between stages: those with blanks around them that are in no pair of brackets."""
    pairs = deque(_outermost_pairs(delimiters))
    for position, char in delimiters:
        while pairs and pairs[0][1] < position:
            pairs.popleft()
        inside = bool(pairs) and pairs[0][0] < position
        if char == "|" and not inside and is_pipe(text, position, end):
            yield position


def _misread_quote(text: str, start: int, lone: int) -> int:
    """Return the quote to point at: the first opening quote that looks like inches (`5"`), else the unbalanced one."""
    is_opening = True
    for position in range(start + 1, lone + 1):
        if text[position] == '"':
            if is_opening and text[position - 1].isalnum() and text[position + 1 : position + 2] in ("", " "):
                return position
            is_opening = not is_opening
    return lone


def _outermost_pairs(delimiters: list[tuple[int, str]]) -> list[tuple[int, int]]:
    """Return the outermost pairs of matching brackets, in order; an unmatched bracket is text."""
    opened: list[tuple[int, str]] = []
    open_counts: Counter[str] = Counter()
    pairs: list[tuple[int, int]] = []
    for position, char in delimiters:
        if char in _BRACKETS.values():
            opened.append((position, char))
            open_counts[char] += 1
        elif char in _BRACKETS and open_counts[_BRACKETS[char]]:
            while True:
                begin, kind = opened.pop()
                open_counts[kind] -= 1
                if kind == _BRACKETS[char]:
                    break
            while pairs and pairs[-1][0] > begin:
                pairs.pop()
            pairs.append((begin, position))
    return pairs


def is_pipe(text: str, position: int, end: int) -> bool:
    """Return whether there is a `|` with blanks on both sides at `position`."""
    return (
        0 < position < end - 1
        and text[position] == "|"
        and text[position - 1] in BLANKS
        and text[position + 1] in BLANKS
    )


_UNUSUAL_BLANKS = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff"
_UNUSUAL_DASHES = "\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
_LONG_DASH = re.compile(rf"(?:^|(?<=[\s{_UNUSUAL_BLANKS}]))[{_UNUSUAL_DASHES}]{{1,2}}([A-Za-z][A-Za-z_-]*)")
_AFTER_UNUSUAL_BLANK = re.compile(rf"[{_UNUSUAL_BLANKS}](--?[A-Za-z][A-Za-z_-]*)")


def find_lookalikes(prompt: str) -> Iterator[str]:
    """Yield a notice for each part of the prompt source that looks like a switch or a stage separator."""
    known = all_spellings()
    for match in _LONG_DASH.finditer(prompt):
        meant = next((name for name in (f"-{match[1]}", f"--{match[1]}") if name in known), None)
        if meant is not None:
            yield f"{match[0]} is read as text, because of its typographic dash; for the switch, write {meant}"
    for match in _AFTER_UNUSUAL_BLANK.finditer(prompt):
        if match[1] in known:
            yield f"{match[1]} is read as text, because of the special space before it; for the switch, retype it"
    if prompt.rstrip("\\").startswith("|") or prompt.endswith(" |"):
        yield "the | is read as text: to chain stages, put one on each side, separated by spaces"
