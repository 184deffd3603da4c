"""The prompt language: prompt source into what is wanted and what is not. Knows no tokenizer and no models.

`[negative words]` are cut out here, `weighing` makes trees of the rest. What is refused is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from invoke_cli.errors import PromptError, Span, blame
from invoke_cli.language.prompt.ast import Swap, Tree
from invoke_cli.language.prompt.parser import masked, parse_prompt
from invoke_cli.language.prompt.swap import SWAP
from invoke_cli.language.switches.loras import lora_terms
from invoke_cli.request import LoraChoice

_NAMED = re.compile(r"<(?!lora:)([A-Za-z][\w .:-]*)>")
_LEGACY_BLEND = re.compile(r"[^\s:]: ?\d{0,9}\.?\d{1,9}[, ]\s?[^:,]{1,200}: ?\d{0,9}\.?\d{1,9}(?=$|[,\s])")
_LOOKS_WEIGHTED = re.compile(r"\(([^()]*\d)\s*:\s*(\d*\.\d+)\s*\)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """What a prompt says: what to draw and what to avoid, as trees, LoRAs to use, and remarks for the user. What is
    `named` stands between < and >: embeddings, if there are such.
    """

    wanted: Tree
    avoided: Tree
    loras: tuple[LoraChoice, ...] = ()
    named: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def positive(self) -> str:
        """The text to draw, without operators."""
        return self.wanted.text

    @property
    def negative(self) -> str:
        """The text to avoid, without operators."""
        return self.avoided.text


@dataclass(frozen=True, kw_only=True, slots=True)
class Operator:
    """An operator that is understood and refused: how it looks, why it is refused, and what to write."""

    pattern: re.Pattern[str]
    why: str
    instead: str


REFUSED_OPERATORS: tuple[Operator, ...] = (
    Operator(
        pattern=re.compile(r"\{\?|\{__|\{[^{}|]*\|[^{}]*\}"),
        why="alternatives cannot stand here",
        instead="write one of them, or \\{ for a brace",
    ),
    Operator(
        pattern=re.compile(r"\[[^\[\]]*:\s*(?=[\d.])\d*(?:\.\d*)?\s*\]"),
        why="[a:b:0.5] is A1111's for changing the prompt on the way",
        instead="a chain does that: a castle | a ruin -f .5; to keep it as text, write \\[ for the bracket",
    ),
)


def read_prompt(source: str, negative_source: str | None = None) -> Prompt:
    """What prompt source and the source of `--neg` say together; PromptError (span within its source) when refused."""
    _check(source, "prompt")
    _check(negative_source or "", "negative_prompt")
    terms = list(lora_terms(masked(source)))
    positive, bracketed = split_negative(_without(source, [span for span, _ in terms]))
    negatives = [part for part in (bracketed, negative_source) if part]
    try:
        wanted, avoided = parse_prompt(positive), parse_prompt(", ".join(negatives))
    except PromptError as error:
        raise error.without_span() from None  # each part is valid alone; only their combination is not
    loras = tuple(choice for _, choice in terms)
    named = [match[1] for text in (source, negative_source or "") for match in _NAMED.finditer(masked(text))]
    return Prompt(
        wanted=wanted,
        avoided=avoided,
        loras=loras,
        named=tuple(dict.fromkeys(named)),
        notices=tuple(_remarks(source)),
    )


def _check(source: str, field: str) -> None:
    """PromptError for what is refused and for what cannot be read, with its place in `source`."""
    with blame(field, always=True):
        _refuse(source)
        spans = [span for span, _ in lora_terms(masked(source))]
        brackets = list(_brackets(source))
        for span in spans:
            if field != "prompt" or any(start < span.start < end for start, end in brackets):
                hint = "write it outside of the brackets and of --neg"
                raise PromptError("a LoRA cannot be avoided, only used", hint=hint, span=span)
        outside = _outside(source, [*brackets, *spans])
        parse_prompt(outside)
        for part in (*_insides(source), *([outside] if field != "prompt" else [])):
            if isinstance(parse_prompt(part), Swap):
                _refuse_avoided_swap(part)


def _refuse_avoided_swap(source: str) -> None:
    match = SWAP.search(masked(source))
    assert match is not None
    hint = "exchange words of the prompt itself; to keep it as text, write \\( for the bracket"
    raise PromptError("words to avoid cannot be exchanged", hint=hint, span=Span(*match.span()))


def _outside(source: str, parts: Sequence[tuple[int, int]]) -> str:
    """The source with some parts of it as blanks, each character in its place."""
    kept = list(source)
    for start, end in parts:
        kept[start:end] = " " * (end - start)
    return "".join(kept)


def _insides(source: str) -> Iterator[str]:
    """For each bracketed part the source with all else as blanks."""
    for start, end in _brackets(source):
        yield " " * (start + 1) + source[start + 1 : end - 1] + " " * (len(source) - end + 1)


def _brackets(source: str) -> Iterator[tuple[int, int]]:
    """Where the bracketed parts begin and end. Nested brackets belong to the outer one's text."""
    live = masked(source)
    position = 0
    while (opened := live.find("[", position)) != -1 and (closed := _partner(live, opened)) is not None:
        yield opened, closed + 1
        position = closed + 1


def _without(source: str, spans: Sequence[Span]) -> str:
    """The source without some parts of it."""
    if not spans:
        return source
    starts, ends = [0, *(span.end for span in spans)], [*(span.start for span in spans), len(source)]
    return _joined([source[start:end] for start, end in zip(starts, ends, strict=True)])


def split_negative(source: str) -> tuple[str, str]:
    """The source without its bracketed parts, and these joined by a blank, in order.

    Nested brackets belong to the outer one's text; a bracket without a partner is text.
    """
    kept: list[str] = []
    negatives: list[str] = []
    position = 0
    for start, end in _brackets(source):
        kept.append(source[position:start])
        negatives.append(source[start + 1 : end - 1].strip())
        position = end
    kept.append(source[position:])
    if not negatives:
        return source, ""
    return _joined(kept), " ".join(part for part in negatives if part)


def _joined(parts: list[str]) -> str:
    """The kept parts with one blank at each cut, none at the ends or before a comma."""
    text = parts[0].rstrip()
    for part in parts[1:]:
        rest = part.strip()
        glue = "" if not text or not rest or rest[0] in ",.;:!?" else " "
        text += glue + rest
    return text.strip()


def _partner(masked: str, opened: int) -> int | None:
    depth = 0
    for position in range(opened, len(masked)):
        if masked[position] == "[":
            depth += 1
        elif masked[position] == "]":
            depth -= 1
            if depth == 0:
                return position
    return None


def _refuse(source: str) -> None:
    live = masked(source)
    for operator in REFUSED_OPERATORS:
        match = operator.pattern.search(live)
        if match is not None:
            span = Span(*match.span())
            shown = source[span.start : span.end][-60:]
            raise PromptError(f"{operator.why}: {shown}", hint=operator.instead, span=span)


def _remarks(source: str) -> list[str]:
    live = masked(source)
    remarks: list[str] = []
    for match in _LOOKS_WEIGHTED.finditer(live):
        remarks.append(
            f"{match[0]} is text, since a number stands before the colon; a weight is ({match[1]}){match[2]}"
        )
    if _LEGACY_BLEND.search(live):
        remarks.append('colons are text; the old blend dog:1,cat:2 is now spelt ("dog","cat").blend(1,2)')
    return remarks
