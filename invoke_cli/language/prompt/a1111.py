"""Parse prompts by A1111's rules: `(x)` is 1.1, `[x]` is 1/1.1, `(x:1.3)` is 1.3, and `BREAK` begins a new window.

What has no counterpart in this program is an error that names the spelling to use, since the text would otherwise be
drawn as words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from invoke_cli.errors import PromptError, Span
from invoke_cli.language.grammar.quotes import literal
from invoke_cli.language.prompt.ast import Conjunction, Phrase, Tree, Words, join_words
from invoke_cli.language.prompt.parser import MAX_WEIGHT, masked

FACTOR = 1.1
MAX_BRACKETS = 200

BREAK = re.compile(r"\s*\bBREAK\b\s*")
AND = re.compile(r"(?:^|(?<=\s))AND(?=\s|$)")
ALTERNATION = re.compile(r"\[[^\[\]]*\|[^\[\]]*\]")
EDITING = re.compile(r"\[[^\[\]]*:\s*(?=[\d.])\d*(?:\.\d*)?\s*\]")
WILDCARD = re.compile(r"__(\w(?:[\w./-]*\w)?)__")

_WEIGHT = re.compile(r":\s*([+-]?(?:\d*\.)?\d+)\s*\)")
_REJECTED = (
    (
        EDITING,
        "prompt editing with [a:b:0.5] is not available",
        "use a chain, such as a castle | a ruin -f .5; to keep it as text, write \\[ for the bracket",
    ),
    (
        ALTERNATION,
        "alternating words with [a|b] is not available",
        'without --prompt_syntax a1111, {a|b} generates an image of each, and ("a","b").blend(1,1) mixes them',
    ),
    (
        AND,
        "AND, which combines the predictions of several prompts, is not available",
        'without --prompt_syntax a1111, ("a","b").and() encodes them one after the other; or write and',
    ),
)


def wildcard_source(source: str) -> str:
    """Return a source in which `__name__` is our random choice from a list, and braces are text."""
    found = [(match.start(), match.end()) for match in WILDCARD.finditer(masked(source))]
    parts: list[str] = []
    position = 0
    for start, end in [*found, (len(source), len(source))]:
        parts.append(re.sub(r"(\\[\s\S])|([{}])", lambda match: match[1] or f"\\{match[2]}", source[position:start]))
        parts.append("{?" + source[start:end] + "}" if end > start else "")
        position = end
    return "".join(parts)


def parse_a1111(source: str) -> Tree:
    """Parse a source to a phrase, or with `BREAK` to several that are encoded in windows of their own.

    Raises:
        PromptError: The source uses an operator that is not available, or a weight that is out of range.
    """
    unescaped = masked(source)
    for pattern, message, hint in _REJECTED:
        match = pattern.search(unescaped)
        if match is not None:
            span = Span(*match.span())
            raise PromptError(f"{message}: {source[span.start : span.end][-60:]}", hint=hint, span=span)
    pieces = _weighted(source, unescaped)
    phrases = [join_words(list(part)) for part in _between_breaks(pieces)]
    filled = [phrase for phrase in phrases if phrase.text.strip()]
    if len(filled) < 2:
        return filled[0] if filled else Phrase()
    return Conjunction(phrases=tuple(filled), weights=(1.0,) * len(filled))


@dataclass(slots=True)
class _Piece:
    """A part of the source without brackets, and the product of the weights of the brackets around it."""

    text: str
    weight: float = 1.0


def _weighted(source: str, unescaped: str) -> list[_Piece]:
    """Return the pieces of a source. A bracket that is never closed counts to the end, as it does in A1111."""
    pieces: list[_Piece] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}
    position = text_start = 0
    while position < len(source):
        char = unescaped[position]
        weight = _WEIGHT.match(unescaped, position) if char == ":" and opened["("] else None
        if char not in "()[]" and weight is None:
            position += 1
            continue
        pieces.append(_Piece(literal(source[text_start:position])))
        end = weight.end() if weight else position + 1
        if char in opened:
            _check_number(opened, position)
            opened[char].append(len(pieces))
        elif weight is not None:
            _multiply(pieces, opened["("].pop(), _number(weight))
        elif opened["(" if char == ")" else "["]:
            _multiply(pieces, opened["(" if char == ")" else "["].pop(), FACTOR if char == ")" else 1 / FACTOR)
        else:
            pieces.append(_Piece(char))
        position = text_start = end
    pieces.append(_Piece(literal(source[text_start:])))
    for start in opened["("]:
        _multiply(pieces, start, FACTOR)
    for start in opened["["]:
        _multiply(pieces, start, 1 / FACTOR)
    return pieces


def _check_number(opened: dict[str, list[int]], position: int) -> None:
    if sum(map(len, opened.values())) >= MAX_BRACKETS:
        span = Span(position, position + 1)
        raise PromptError("too many open brackets", hint="write \\( for a literal bracket", span=span)


def _number(match: re.Match[str]) -> float:
    value = float(match[1])
    if not 0 <= value <= MAX_WEIGHT:
        hint = "write \\( for a literal bracket"
        raise PromptError(f"a weight must be from 0 to {MAX_WEIGHT:g}", hint=hint, span=Span(*match.span(1)))
    return value


def _multiply(pieces: Sequence[_Piece], start: int, factor: float) -> None:
    for piece in pieces[start:]:
        piece.weight = round(piece.weight * factor, 9)


def _between_breaks(pieces: Sequence[_Piece]) -> Iterator[list[Words]]:
    """Yield the words of each window."""
    window: list[Words] = []
    for piece in pieces:
        first, *rest = BREAK.split(piece.text)
        window.append(Words(text=first, weight=piece.weight))
        for text in rest:
            yield window
            window = [Words(text=text, weight=piece.weight)]
    yield window
