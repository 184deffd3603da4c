"""Operators of other programs in a prompt of ours: how they are read, and what to write for their meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from invoke_cli.language.prompt.a1111 import ALTERNATION, AND, WILDCARD
from invoke_cli.language.prompt.parser import masked

MAX_EMBEDDING = 200

_EMBEDDING = re.compile(rf"(?<![\w<.])embedding:([^\s,:;()\[\]{{}}<>|\"\\\0]{{1,{MAX_EMBEDDING}}})")
_SUFFIX = re.compile(r"\.(safetensors|pt|bin)$", re.IGNORECASE)
_BREAK_WORD = re.compile(r"\bBREAK\b")
_DOUBLE = re.compile(r"\(\((?:[^()]|\([^()]*\)){1,400}\)\)(?![\d+]|-(?![\w\s]))")
_A1111 = "--prompt_syntax a1111 reads the whole prompt as A1111 does"


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignOperator:
    """An operator: its pattern, how it is read here, and what to write instead."""

    pattern: re.Pattern[str]
    read_as: str
    instead: str


FOREIGN_OPERATORS: tuple[ForeignOperator, ...] = (
    ForeignOperator(
        pattern=_DOUBLE, read_as="is read as text in brackets", instead="for A1111's weight write (words)1.21"
    ),
    ForeignOperator(
        pattern=ALTERNATION,
        read_as="is read as words to avoid",
        instead='write {a|b} for an image of each, or ("a","b").blend(1,1) for a mixture; A1111 alternates the words',
    ),
    ForeignOperator(
        pattern=_BREAK_WORD,
        read_as="is read as a word",
        instead='write ("a","b").and() to encode each in its own window',
    ),
    ForeignOperator(
        pattern=AND,
        read_as="is read as a word",
        instead='write ("a","b").and() or ("a","b").blend(1,1) to combine prompts',
    ),
    ForeignOperator(pattern=WILDCARD, read_as="is read as text", instead="write {__name__} or {?__name__} for a list"),
)


def foreign_notices(source: str) -> Iterator[str]:
    """Yield a notice for each kind of operator of other programs in a source."""
    unescaped = masked(source)
    outside_braces = re.sub(r"\{[^{}]*\}", lambda match: "\0" * len(match[0]), unescaped)
    for operator in FOREIGN_OPERATORS:
        match = operator.pattern.search(outside_braces)
        if match is not None:
            shown = source[match.start() : match.end()].strip()[:60]
            yield f"{shown} {operator.read_as}; {operator.instead} ({_A1111})"


def with_embeddings(source: str) -> str:
    """Write ComfyUI's `embedding:name` as our `<name>`."""
    if "embedding:" not in source:
        return source
    parts: list[str] = []
    position = 0
    for match in _EMBEDDING.finditer(masked(source)):
        name = _SUFFIX.sub("", source[match.start(1) : match.end(1)].rstrip(".!?+-"))
        end = match.start(1) + len(source[match.start(1) : match.end(1)].rstrip("!?+-"))
        if name:
            parts += [source[position : match.start()], f"<{name}>"]
            position = end
    return "".join([*parts, source[position:]])
