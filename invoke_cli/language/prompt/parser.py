"""Parse prompt source: weights `word++ (words)1.3 word.attend(2)`, `("a","b").blend(.3,.7)`, `.and()`, `cat.swap(dog)`.

An operator counts only at the end of a word, bracket or quotation; brackets and quotes without one are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from invoke_cli.errors import PromptError, Span
from invoke_cli.language.grammar.quotes import literal
from invoke_cli.language.prompt.ast import Blend, Conjunction, Phrase, Swap, Tree, Words, join_words
from invoke_cli.language.prompt.swap import BREAKS_WORD, Partners, find_swaps

METHODS = ("blend", "and", "swap", "attend")
PLUS, MINUS = 1.1, 0.9
MAX_WEIGHT = 10.0
MAX_DEPTH = 50
MAX_SIGNS = 1_000

NUMBER = r"(?:\d*\.)?\d+"
_END = r"(?=$|[\s,.;:!?)\]}\"|])"
AFTER_GROUP = re.compile(rf"(?:(\++|-+)|({NUMBER})){_END}")
_AFTER_WORD = re.compile(rf"(\++|-+){_END}")
_ATTEND = re.compile(rf"\.attend\(\s*(?:(\++|-+)|({NUMBER}))\s*\){_END}")
_ATTEND_CALL = re.compile(r"(?<=[\w)\">])\.attend\(")
_INNER_WEIGHT = re.compile(rf":\s*({NUMBER})\s*$")
_METHOD = re.compile(r"(?<=[\w)\"])\.(blend|and|swap)\(")
_QUOTED = re.compile(r'\s*"([^"]*)"\s*')
_NUMBERS = re.compile(rf"\s*-?{NUMBER}\s*(?:,\s*-?{NUMBER}\s*)*")


def masked(source: str) -> str:
    """Blank out every escape sequence, keeping positions, so that only unescaped characters remain."""
    return re.sub(r"\\[\s\S]", "\0\0", source)


def parse_prompt(source: str) -> Tree:
    """Parse prompt source to a tree.

    Raises:
        PromptError: If the source is invalid; its span lies within `source`.
    """
    return _Parser(source).tree()


class _Parser:
    """Parse one source."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.masked = masked(source)
        quotes = [position for position, char in enumerate(self.masked) if char == '"']
        self.closing = frozenset(quotes[1::2])
        self.partners = Partners(self.masked)
        self.attended: set[int] = set()  # the positions of `.attend(` that set a weight

    def tree(self) -> Tree:
        tree = self._tree()
        for call in _ATTEND_CALL.finditer(self.masked):
            if call.start() not in self.attended:
                hint = "for example apricots.attend(1.3); to keep it as text, write \\( for the bracket"
                message = ".attend() takes one weight, after a word, brackets or quotes"
                raise PromptError(message, hint=hint, span=Span(*call.span()))
        return tree

    def _tree(self) -> Tree:
        method = _METHOD.search(self.masked)
        if method is None:
            return self._phrase(0, len(self.source))
        span = Span(method.start(), method.end())
        if method[1] == "swap":
            return self._parse_swap()
        return self._parse_method(method[1], span)

    # -- swaps ------------------------------------------------------------------------------------------------------

    def _parse_swap(self) -> Swap:
        """Parse a prompt with swaps. Raises PromptError for swaps in weighted brackets or with different options."""
        parts: list[tuple[Phrase, Phrase]] = []
        found_swaps = list(find_swaps(self.masked, self.partners))
        position = 0
        for swap in found_swaps:
            if swap.windows != found_swaps[0].windows:
                message = "all swaps in a prompt must use the same options"
                raise PromptError(message, hint="give each .swap() the same options", span=swap.whole)
            unchanged = self._unchanged_phrase(position, swap.whole)
            parts += [(unchanged, unchanged), (self._phrase(*swap.before), self._phrase(*swap.after))]
            position = swap.whole.end
        rest = self._unchanged_phrase(position, Span(len(self.source), len(self.source)))
        return Swap(parts=(*parts, (rest, rest)), windows=found_swaps[0].windows)

    def _unchanged_phrase(self, start: int, until: Span) -> Phrase:
        """Return the words up to a swap. Raises PromptError if weighted brackets contain the swap."""
        other = _METHOD.search(self.masked, start, until.start)
        if other is not None:
            message = f".swap() and .{other[1]}() cannot be combined in one prompt"
            raise PromptError(message, hint="use one of them", span=Span(*other.span()))
        for opened in range(start, until.start):
            group = self._group(opened, len(self.masked)) if self.masked[opened] == "(" else None
            if group is not None and group[2] > until.start:
                hint = "move the weight to the words next to it, or inside its own brackets"
                raise PromptError(".swap() cannot be inside weighted brackets", hint=hint, span=until)
        return self._phrase(start, until.start)

    # -- blends and conjunctions ------------------------------------------------------------------------------------

    def _parse_method(self, method: str, span: Span) -> Tree:
        example = f'for example ("a cat","a dog").{method}(.3,.7); to keep it as text, write \\( for the bracket'
        start = len(self.masked) - len(self.masked.lstrip())
        opened = span.end - 1
        closed = self.partners.closing_before(opened, len(self.masked))
        if closed is None:
            raise PromptError("unclosed bracket", hint=example, span=Span(opened, opened + 1))
        around = self.masked[start] != "(" or self.partners.closing.get(start) != span.start - 1
        if around or self.masked[closed + 1 :].strip():
            message = f".{method}() must be the whole prompt: quoted prompts in brackets, without other text"
            raise PromptError(message, hint=example, span=span)
        phrases = tuple(self._quoted_phrases(start + 1, span.start - 1, example))
        weights, normalize = self._weights(Span(span.end, closed), len(phrases), method)
        if method == "and":
            return Conjunction(phrases=phrases, weights=weights)
        return Blend(phrases=phrases, weights=weights, normalize=normalize)

    def _quoted_phrases(self, start: int, end: int, example: str) -> Iterator[Phrase]:
        position = start
        while position < end:
            match = _QUOTED.match(self.masked, position, end)
            if match is None or self.masked[match.end() : match.end() + 1] not in (",", ")"):
                raise PromptError("expected a quoted prompt", hint=example, span=Span(position, end))
            yield self._phrase(*match.span(1))
            position = match.end() + 1

    def _weights(self, span: Span, count: int, method: str) -> tuple[tuple[float, ...], bool]:
        text = self.masked[span.start : span.end].strip()
        numbers = re.sub(r",?\s*no_normalize$", "", text) if method == "blend" else text
        text, normalize = numbers, numbers == text
        if text and not _NUMBERS.fullmatch(text):
            hint = f'for example ("a cat","a dog").{method}(.3,.7)'
            raise PromptError(f".{method}() takes numbers", hint=hint, span=Span(span.start - 1, span.end + 1))
        weights = tuple(float(number) for number in text.split(",")) if text else (1.0,) * count
        if len(weights) != count:
            message = f".{method}() has {len(weights)} weights for {count} prompts"
            hint = "write one weight for each prompt, or none"
            raise PromptError(message, hint=hint, span=Span(span.start - 1, span.end + 1))
        if method == "blend" and normalize and not sum(weights) > 0:
            hint = "change the weights, or add no_normalize"
            message = "the sum of these weights is not positive"
            raise PromptError(message, hint=hint, span=Span(span.start - 1, span.end + 1))
        return weights, normalize

    # -- weights ----------------------------------------------------------------------------------------------------

    def _phrase(self, start: int, end: int) -> Phrase:
        return join_words(list(self._pieces(Span(start, end), 1.0, 0)))

    def _pieces(self, region: Span, weight: float, depth: int) -> Iterator[Words]:
        """Yield the words of a region; `weight` is the product of the weights of the enclosing groups."""
        self._check_depth(region, depth)
        text_start = position = region.start
        while position < region.end:
            group = self._group(position, region.end)
            word = self._word(text_start, position, region.end)
            if group is not None:
                inner, factor, stop = group
                yield self._text(text_start, position, weight)
                yield from self._pieces(inner, weight * factor, depth + 1)
                text_start = position = stop
            elif word is not None:
                start, factor, stop = word
                yield self._text(text_start, start, weight)
                yield self._text(start, position, weight * factor)
                text_start = position = stop
            else:
                position += 1
        yield self._text(text_start, region.end, weight)

    def _group(self, position: int, end: int) -> tuple[Span, float, int] | None:
        """Return the inside of a weighted group, its factor, and its end; None for text."""
        char = self.masked[position]
        if char not in '("' or position in self.closing:
            return None
        closed = self.partners.closing_before(position, end)
        if closed is None:
            return None
        operator = self._operator(AFTER_GROUP, closed + 1, end)
        if operator is not None:
            return Span(position + 1, closed), *operator
        colon = self._inner_weight(position + 1, closed) if char == "(" else None
        if colon is None or self._last_char(colon.start()).isdigit():
            return None
        return Span(position + 1, colon.start()), self._number(*colon.span(1)), closed + 1

    def _inner_weight(self, start: int, end: int) -> re.Match[str] | None:
        """Return the colon and number at the end of the words in brackets."""
        position = end
        while position > start and (
            self.masked[position - 1].isspace()
            or self.masked[position - 1] in "."
            or self.masked[position - 1].isdecimal()
        ):
            position -= 1
        return _INNER_WEIGHT.match(self.masked, position - 1, end) if position > start else None

    def _last_char(self, end: int) -> str:
        """Return the last character before a position that is no blank."""
        position = end
        while position > 0 and self.masked[position - 1].isspace():
            position -= 1
        return self.masked[position - 1 : position]

    def _word(self, text_start: int, position: int, end: int) -> tuple[int, float, int] | None:
        """Return the start of the word with the operator at `position`, its factor, and the end of the operator."""
        before = self.masked[position - 1 : position] if position > text_start else ""
        carries = before.isalnum() or before == "_" or (before == ">" and self._ends_name(text_start, position - 1))
        operator = self._operator(_AFTER_WORD, position, end) if carries else None
        if operator is None:
            return None
        start = position
        while start > text_start and not BREAKS_WORD.match(self.masked[start - 1]):
            start -= 1
        return start, *operator

    def _operator(self, pattern: re.Pattern[str], position: int, end: int) -> tuple[float, int] | None:
        """Return the factor of the operator at a position and its end: that of a pattern, or `.attend(1.3)`."""
        match = pattern.match(self.masked, position) or _ATTEND.match(self.masked, position)
        if match is None or match.end() > end:
            return None
        if match.re is _ATTEND:
            self.attended.add(position)
        return _factor(match[1]) if match[1] else self._number(*match.span(2)), match.end()

    def _ends_name(self, start: int, closed: int) -> bool:
        """Return whether the `>` at `closed` ends a name in angle brackets that begins after `start`."""
        position = closed
        while position > start and not (self.masked[position - 1] in "<>" or self.masked[position - 1].isspace()):
            position -= 1
        return position < closed and position > start and self.masked[position - 1] == "<"

    def _check_depth(self, region: Span, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise PromptError("brackets are nested too deeply", hint="write \\( for a literal bracket", span=region)

    def _number(self, start: int, end: int) -> float:
        value = float(self.masked[start:end])
        if value > MAX_WEIGHT:
            hint = "write \\) for a literal bracket"
            raise PromptError(f"a weight must be from 0 to {MAX_WEIGHT:g}", hint=hint, span=Span(start, end))
        return value

    def _text(self, start: int, end: int, weight: float) -> Words:
        return Words(text=literal(self.source[start:end]), weight=weight)


def _factor(signs: str) -> float:
    if len(signs) > MAX_SIGNS:
        raise PromptError(f"a weight has at most {MAX_SIGNS} signs", hint="write \\+ or \\- for literal ones")
    return float((PLUS if signs[0] == "+" else MINUS) ** len(signs))
