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

BREAK = re.compile(r"\bBREAK\b")
AND = re.compile(r"(?:^|(?<=\s))AND(?=\s|$)")
ALTERNATION = re.compile(r"\[[^\[\]|]*\|[^\[\]]*\]")
EDITING = re.compile(r"\[[^\[\]]*:\s*(?=[\d.])\d*(?:\.\d*)?\s*\]")
WILDCARD = re.compile(r"__(\w(?:[\w./-]*\w)?)__")

_SIGN = re.compile(r"[()\[\]]|:\s*([+-]?(?:\d*\.)?\d+)\s*\)")
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
    brackets = _Brackets()
    text_start = 0
    for match in _SIGN.finditer(unescaped):
        if match[1] and not brackets.opened["("]:
            continue  # a colon and a number outside brackets are text
        brackets.pieces.append(_Piece(literal(source[text_start : match.start()])))
        brackets.read(match)
        text_start = match.end()
    brackets.pieces.append(_Piece(literal(source[text_start:])))
    brackets.close_all()
    return brackets.pieces


class _Brackets:
    """The pieces that were read, and where the brackets that are still open begin among them."""

    def __init__(self) -> None:
        self.pieces: list[_Piece] = []
        self.opened: dict[str, list[int]] = {"(": [], "[": []}

    def read(self, match: re.Match[str]) -> None:
        """Open or close a bracket; one that closes nothing is text."""
        sign = match[0]
        opening = "[" if sign == "]" else "("
        if sign in self.opened:
            self._open(sign, match)
        elif self.opened[opening]:
            factor = _number(match) if match[1] else 1 / FACTOR if sign == "]" else FACTOR
            _multiply(self.pieces, self.opened[opening].pop(), factor)
        else:
            self.pieces.append(_Piece(sign))

    def _open(self, sign: str, match: re.Match[str]) -> None:
        if sum(map(len, self.opened.values())) >= MAX_BRACKETS:
            hint = "write \\( for a literal bracket"
            raise PromptError("too many open brackets", hint=hint, span=Span(*match.span()))
        self.opened[sign].append(len(self.pieces))

    def close_all(self) -> None:
        """Apply the weights of the brackets that are still open."""
        for sign, factor in (("(", FACTOR), ("[", 1 / FACTOR)):
            for start in self.opened[sign]:
                _multiply(self.pieces, start, factor)


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
        parts = BREAK.split(piece.text)
        for index, text in enumerate(parts):
            if index:
                yield window
                window = []
                text = text.lstrip()
            window.append(Words(text=text.rstrip() if index < len(parts) - 1 else text, weight=piece.weight))
    yield window
