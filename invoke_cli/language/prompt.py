"""The prompt language: prompt source into what is wanted and what is not. Knows no tokenizer and no models.

For now it does `[negative words]` and escapes. The other operators are recognised and refused by name, so that no
prompt ever means something else later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from invoke_cli.errors import PromptError, Span
from invoke_cli.language.quoting import literal

_END = r"(?=$|[\s,.;:!?)\]}\"|])"
_NAMED = re.compile(r"<([A-Za-z][\w .:-]*)>")
_LEGACY_BLEND = re.compile(r"[^\s:]: ?\d{0,9}\.?\d{1,9}[, ]\s?[^:,]{1,200}: ?\d{0,9}\.?\d{1,9}(?=$|[,\s])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """What a prompt says: the text to draw, the text to avoid, and remarks for the user."""

    positive: str
    negative: str
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Operator:
    """An operator of the prompt language that cannot be honoured yet: how it looks and how to keep it as text."""

    name: str
    pattern: re.Pattern[str]
    as_text: str


PENDING_OPERATORS: tuple[Operator, ...] = (
    Operator(
        name="an alternative", pattern=re.compile(r"\{\?|\{__|\{[^{}|]*\|[^{}]*\}"), as_text="write \\{ for a brace"
    ),
    Operator(
        name="a LoRA", pattern=re.compile(r"<lora:[^<>]*>|\b(?:with|use)Lora\("), as_text="write \\< or \\( there"
    ),
    Operator(
        name="a blend, swap or conjunction",
        pattern=re.compile(r"(?<=[\w)\"])\.(?:blend|swap|and)\("),
        as_text="write \\( for the bracket",
    ),
    Operator(
        name="a weight",
        pattern=re.compile(r"(?<=[\w)\"])(?:\++|-+)" + _END + r"|[)\"](?:\d*\.)?\d+" + _END),
        as_text="write \\+ or \\- there, or \\) for a bracket before a number",
    ),
    Operator(
        name="a weight in the spelling (words:1.3)",
        pattern=re.compile(r"\([^()]*:\s*\d*\.\d+\s*\)"),
        as_text="write \\( for the bracket",
    ),
    Operator(
        name="prompt editing [a:b:0.5]",
        pattern=re.compile(r"\[[^\[\]]*:\s*(?=[\d.])\d*(?:\.\d*)?\s*\]"),
        as_text="write \\[ for the bracket",
    ),
)


def read_prompt(source: str, negative_source: str | None = None) -> Prompt:
    """What prompt source and the source of `--neg` say together; PromptError (span within `source`) when refused."""
    _refuse_pending(source, "prompt")
    _refuse_pending(negative_source or "", "negative_prompt")
    positive, bracketed = split_negative(source)
    negatives = [part for part in (bracketed, negative_source) if part]
    return Prompt(
        positive=literal(positive),
        negative=literal(", ".join(negatives)),
        notices=tuple(_remarks(source)),
    )


def split_negative(source: str) -> tuple[str, str]:
    """The source without its bracketed parts, and these joined by a blank, in order.

    Nested brackets belong to the outer one's text; a bracket without a partner is text.
    """
    masked = _masked(source)
    kept: list[str] = []
    negatives: list[str] = []
    position = 0
    while (opened := masked.find("[", position)) != -1 and (closed := _partner(masked, opened)) is not None:
        kept.append(source[position:opened])
        negatives.append(source[opened + 1 : closed].strip())
        position = closed + 1
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


def _masked(source: str) -> str:
    """The source with every escape blanked out, position for position, so that only live characters remain."""
    return re.sub(r"\\[\s\S]", "\0\0", source)


def _refuse_pending(source: str, field: str) -> None:
    masked = _masked(source)
    for operator in PENDING_OPERATORS:
        match = next((match for match in operator.pattern.finditer(masked) if _is_live(masked, match)), None)
        if match is not None:
            span = _whole_word(masked, match)
            raise PromptError(
                f"{operator.name} is not available yet: {source[span.start : span.end][-60:]}",
                hint=f"to keep it as text, {operator.as_text}",
                span=span,
                field=field,
            )


def _is_live(text: str, match: re.Match[str]) -> bool:
    """Whether the operator hangs on a word, a bracket or a closing quote; an opening quote carries none."""
    anchor = match.start() if text[match.start()] in ')"' else match.start() - 1
    return anchor < 0 or text[anchor] != '"' or text.count('"', 0, anchor) % 2 == 1


def _whole_word(text: str, match: re.Match[str]) -> Span:
    """The match with the word that it hangs on."""
    start = match.start()
    while start > 0 and text[start - 1].isalnum():
        start -= 1
    return Span(start, match.end())


def _remarks(source: str) -> list[str]:
    masked = _masked(source)
    remarks = [f"<{match.group(1)}> is not a known embedding; it is taken as text" for match in _NAMED.finditer(masked)]
    if _LEGACY_BLEND.search(masked):
        remarks.append('colons are text; the old blend dog:1,cat:2 is now spelt ("dog","cat").blend(1,2)')
    return remarks
