"""Prompts of other programs as prompt source: what the words say is kept, what the signs did is told."""

from __future__ import annotations

import re

from invoke_cli.errors import PromptError
from invoke_cli.language.grammar.quotes import canonical, escape
from invoke_cli.language.prompt.prompt import parse_prompt_sources
from invoke_cli.language.sanitize import sanitize_for_terminal

MAX_PROMPT = 20_000
_MAX_REMARKS = 20

_LORA = re.compile(r"<(lora|lyco|hypernet):([^<>:]{1,200})(?::([^<>]{0,100}))?>")
_OPERATORS = re.compile(
    r"\([^()\n]{0,200}:\d{0,3}\.?\d{1,9}\)|(?<!\\)\[[^\[\]\n]{0,200}\]|\bBREAK\b|(?<!\\)\{[^{}\n]{0,200}\}"
    r"|-?\d{1,4}(?:\.\d{1,4})?::[^:\n]{0,200}::"
)
_ESCAPED = re.compile(r"\\([()\[\]{}<>\\])")


def plain_text(text: str) -> tuple[str, list[str]]:
    """Prompt source for text in another syntax, and what of it is lost: weights and alternatives stay text, the tags of
    LoRAs are taken out.
    """
    cut, remarks = capped(text)
    for match in list(_LORA.finditer(cut))[:_MAX_REMARKS]:
        weight = f" at {match[3]}" if match[3] else ""
        remarks.append(
            sanitize_for_terminal(f"{'LoRA' if match[1] != 'hypernet' else 'hypernetwork'} {match[2]}{weight}")
        )
    if remarks:
        cut = re.sub(r"[ \t]+(?=\n)|(?<=[ \t])[ \t]+", "", _LORA.sub("", cut)).strip(" ,\t\n")
    for match in list(_OPERATORS.finditer(cut))[:_MAX_REMARKS]:
        remarks.append(sanitize_for_terminal(f"{match.group()} stays text"))
    return escape(_ESCAPED.sub(r"\1", cut).strip()), remarks


def prompt_source(text: str) -> tuple[str, list[str]]:
    """Prompt source for text in InvokeAI's syntax since version 3, where brackets are text; what cannot be honoured
    makes all of it text.
    """
    cut, remarks = capped(text)
    source = canonical(re.sub(r"(?<!\\)([\[\]])", r"\\\1", cut.strip()))
    try:
        parse_prompt_sources(source)
    except PromptError as error:
        return escape(cut.strip()), [*remarks, sanitize_for_terminal(f"{error.message.rpartition(': ')[2]} stays text")]
    return source, remarks


def capped(text: str) -> tuple[str, list[str]]:
    """The text without control characters, at most so long, and what was cut off."""
    clean = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", "", text)
    if len(clean) <= MAX_PROMPT:
        return clean, []
    return clean[:MAX_PROMPT], [f"the last {len(clean) - MAX_PROMPT} characters of a prompt that is too long"]
