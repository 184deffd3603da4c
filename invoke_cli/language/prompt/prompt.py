"""Parse prompt source into positive and negative prompts. Knows no tokenizer and no models.

This module extracts `[negative words]` and LoRA terms; `parser` parses the rest. Operators that are not supported are
rejected by name.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from invoke_cli.errors import PromptError, Span, blame
from invoke_cli.language.limits import MAX_PROMPT, prompt_too_long
from invoke_cli.language.prompt.a1111 import EDITING, parse_a1111
from invoke_cli.language.prompt.ast import Swap, Tree
from invoke_cli.language.prompt.foreign_operators import foreign_notices, with_embeddings
from invoke_cli.language.prompt.parser import masked, parse_prompt
from invoke_cli.language.prompt.swap import SWAP
from invoke_cli.language.prompt.unbalanced import unbalanced_notices
from invoke_cli.language.switches.named_values import lora_terms
from invoke_cli.request import LoraChoice

A1111 = "a1111"

_NAMED = re.compile(r"<(?!lora:)(?=\S)([^<>\n]{1,80})(?<=\S)>")
_LEGACY_BLEND = re.compile(r"[^\s:]: ?\d{0,9}\.?\d{1,9}[, ]\s?[^:,]{1,200}: ?\d{0,9}\.?\d{1,9}(?=$|[,\s])")
_LOOKS_WEIGHTED = re.compile(r"\(([^()]*\d)\s*:\s*(\d*\.\d+)\s*\)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """A parsed prompt.

    Attributes:
        positive_tree: The tree of the positive prompt.
        negative_tree: The tree of the negative prompt.
        loras: The LoRAs that the prompt names.
        named: The names between < and >, which may be embeddings (textual inversion).
        notices: Notices for the user.
    """

    positive_tree: Tree
    negative_tree: Tree
    loras: tuple[LoraChoice, ...] = ()
    named: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def positive(self) -> str:
        """The positive prompt, without operators."""
        return self.positive_tree.text

    @property
    def negative(self) -> str:
        """The negative prompt, without operators."""
        return self.negative_tree.text


@dataclass(frozen=True, kw_only=True, slots=True)
class RejectedOperator:
    """An operator that is recognised but rejected: its pattern, the reason, and the alternative."""

    pattern: re.Pattern[str]
    why: str
    instead: str


REJECTED_OPERATORS: tuple[RejectedOperator, ...] = (
    RejectedOperator(
        pattern=re.compile(r"\{\?|\{__|\{[^{}|]*\|[^{}]*\}"),
        why="alternatives are not supported here",
        instead="write one of them, or \\{ for a literal brace",
    ),
    RejectedOperator(
        pattern=EDITING,
        why="prompt editing with [a:b:0.5] (A1111) is not supported",
        instead="use a chain: a castle | a ruin -f .5; to keep it as text, write \\[ for the bracket",
    ),
)


def parse_prompt_sources(source: str, negative_source: str | None = None, syntax: str | None = None) -> Prompt:
    """Parse prompt source together with the source of `--neg`, by our rules or those of another `syntax`.

    Raises:
        PromptError: If a source is invalid; its `field` names the source, and its span lies within it.
    """
    for field, text in (("prompt", source), ("negative_prompt", negative_source or "")):
        if len(text) > MAX_PROMPT:
            raise PromptError(prompt_too_long(len(text)), hint="shorten it", span=Span(0, len(text)), field=field)
    if syntax == A1111:
        return _by_a1111(source, negative_source or "")
    return _by_own_rules(source, negative_source)


def _by_a1111(source: str, negative_source: str) -> Prompt:
    trees: list[Tree] = []
    terms: list[tuple[Span, LoraChoice]] = []
    for field, text in (("prompt", source), ("negative_prompt", negative_source)):
        with blame(field, always=True):
            found = [term for term in lora_terms(masked(text)) if text[term[0].start] == "<"]
            if found and field != "prompt":
                hint = "move it to the prompt"
                raise PromptError("a LoRA cannot be part of a negative prompt", hint=hint, span=found[0][0])
            terms += found
            parse_a1111(_blank_out(text, [span for span, _ in found]))
            trees.append(parse_a1111(with_embeddings(_remove_spans(text, [span for span, _ in found]))))
    return Prompt(
        positive_tree=trees[0],
        negative_tree=trees[1],
        loras=tuple(choice for _, choice in terms),
        named=_named(with_embeddings(source), with_embeddings(negative_source)),
    )


def _named(*sources: str) -> tuple[str, ...]:
    """Return the names in angle brackets, each once."""
    return tuple(dict.fromkeys(match[1] for text in sources for match in _NAMED.finditer(masked(text))))


def _by_own_rules(source: str, negative_source: str | None) -> Prompt:
    _check(source, "prompt")
    _check(negative_source or "", "negative_prompt")
    unbalanced = (*unbalanced_notices(source), *unbalanced_notices(negative_source or ""))
    notices = (*_notices(source), *foreign_notices(source), *unbalanced)
    source, negative_source = with_embeddings(source), with_embeddings(negative_source or "")
    terms = list(lora_terms(masked(source)))
    positive, bracketed = split_negative(_remove_spans(source, [span for span, _ in terms]))
    negatives = [part for part in (bracketed, negative_source) if part]
    try:
        positive_tree, negative_tree = parse_prompt(positive), parse_prompt(", ".join(negatives))
    except PromptError as error:
        raise error.without_span() from None  # each part is valid alone; only their combination is not
    loras = tuple(choice for _, choice in terms)
    return Prompt(
        positive_tree=positive_tree,
        negative_tree=negative_tree,
        loras=loras,
        named=_named(source, negative_source),
        notices=notices,
    )


def _check(source: str, field: str) -> None:
    """Raise PromptError, with a span in `source`, for invalid or rejected syntax."""
    with blame(field, always=True):
        _reject_operators(source)
        spans = [span for span, _ in lora_terms(masked(source))]
        brackets = list(_brackets(source))
        for span in spans:
            if field != "prompt" or _is_inside(brackets, span.start):
                hint = "move it out of the brackets or --neg"
                raise PromptError("a LoRA cannot be part of a negative prompt", hint=hint, span=span)
        outside = _blank_out(source, [*brackets, *spans])
        parse_prompt(outside)
        for start, part in (*_bracket_contents(source), *([(0, outside)] if field != "prompt" else [])):
            try:
                if isinstance(parse_prompt(part), Swap):
                    _reject_negative_swap(part)
            except PromptError as error:
                raise error.moved(start) from None


def _reject_negative_swap(source: str) -> None:
    match = SWAP.search(masked(source))
    assert match is not None
    hint = "use it in the prompt itself; to keep it as text, write \\( for the bracket"
    raise PromptError(".swap() is not supported in a negative prompt", hint=hint, span=Span(*match.span()))


def _blank_out(source: str, parts: Sequence[tuple[int, int]]) -> str:
    """Replace some parts of the source by blanks, keeping positions."""
    kept = list(source)
    for start, end in parts:
        kept[start:end] = " " * (end - start)
    return "".join(kept)


def _bracket_contents(source: str) -> Iterator[tuple[int, str]]:
    """Yield the position and the text of the words in each bracketed part."""
    for start, end in _brackets(source):
        yield start + 1, source[start + 1 : end - 1]


def _is_inside(brackets: Sequence[tuple[int, int]], position: int) -> bool:
    """Return whether a position is in one of the bracketed parts, which are in order."""
    index = bisect_left(brackets, (position, 0)) - 1
    return index >= 0 and position < brackets[index][1]


def _brackets(source: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each bracketed part. Nested brackets are text of the outer part."""
    unescaped = masked(source)
    position = 0
    while (opened := unescaped.find("[", position)) != -1 and (
        closed := _closing_bracket(unescaped, opened)
    ) is not None:
        yield opened, closed + 1
        position = closed + 1


def _remove_spans(source: str, spans: Sequence[Span]) -> str:
    """Remove some parts of the source."""
    if not spans:
        return source
    starts, ends = [0, *(span.end for span in spans)], [*(span.start for span in spans), len(source)]
    return _join_parts([source[start:end] for start, end in zip(starts, ends, strict=True)])


def split_negative(source: str) -> tuple[str, str]:
    """Split source into the text without bracketed parts, and these parts joined by blanks.

    Nested brackets are text of the outer part; an unmatched bracket is text.
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
    return _join_parts(kept), " ".join(part for part in negatives if part)


def _join_parts(parts: list[str]) -> str:
    """Join parts with one blank at each cut, but none at the ends or before a comma."""
    text = parts[0].rstrip()
    for part in parts[1:]:
        rest = part.strip()
        glue = "" if not text or not rest or rest[0] in ",.;:!?" else " "
        text += glue + rest
    return text.strip()


def _closing_bracket(masked: str, opened: int) -> int | None:
    depth = 0
    for position in range(opened, len(masked)):
        if masked[position] == "[":
            depth += 1
        elif masked[position] == "]":
            depth -= 1
            if depth == 0:
                return position
    return None


def _reject_operators(source: str) -> None:
    unescaped = masked(source)
    for operator in REJECTED_OPERATORS:
        match = operator.pattern.search(unescaped)
        if match is not None:
            span = Span(*match.span())
            shown = source[span.start : span.end][-60:]
            raise PromptError(f"{operator.why}: {shown}", hint=operator.instead, span=span)


def _notices(source: str) -> list[str]:
    unescaped = masked(source)
    notices: list[str] = []
    for match in _LOOKS_WEIGHTED.finditer(unescaped):
        notices.append(
            f"{match[0]} is read as text (a number precedes the colon); for a weight, write ({match[1]}){match[2]}"
        )
    if _LEGACY_BLEND.search(unescaped):
        notices.append('colons are read as text; write the old blend dog:1,cat:2 as ("dog","cat").blend(1,2)')
    return notices
