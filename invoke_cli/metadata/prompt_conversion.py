"""Convert other programs' prompts to our syntax: the words are kept, and what operators meant there is reported."""

from __future__ import annotations

import re

from invoke_cli.errors import PromptError
from invoke_cli.language.grammar.quotes import canonical, escape
from invoke_cli.language.prompt.prompt import parse_prompt_sources
from invoke_cli.language.sanitize import sanitize_for_terminal

MAX_PROMPT = 20_000
_MAX_REMARKS = 20

_LORA = re.compile(r"<(lora|lyco|hypernet):([^<>:]{1,200})(?::([^<>]{0,100}))?>")
_FOREIGN_OPERATORS = re.compile(
    r"\([^()\n]{0,200}:\d{0,3}\.?\d{1,9}\)|(?<!\\)\[[^\[\]\n]{0,200}\]|\bBREAK\b|(?<!\\)\{[^{}\n]{0,200}\}"
    r"|-?\d{1,4}(?:\.\d{1,4})?::[^:\n]{0,200}::"
)
_ESCAPED = re.compile(r"\\([()\[\]{}<>\\])")


def plain_text(text: str) -> tuple[str, list[tuple[str, str, str]], list[str]]:
    """Convert text in another syntax; weights and alternatives are kept as text, LoRA tags are removed.

    Returns:
        The prompt in our syntax, the kind, name and weight of each removed tag, and remarks on what was lost.
    """
    shortened, remarks = capped(text)
    tags = [
        ("hypernetwork" if match[1] == "hypernet" else "LoRA", match[2], match[3] or "")
        for match in list(_LORA.finditer(shortened))[:_MAX_REMARKS]
    ]
    if tags or remarks:
        shortened = re.sub(r"[ \t]+(?=\n)|(?<=[ \t])[ \t]+", "", _LORA.sub("", shortened)).strip(" ,\t\n")
    for match in list(_FOREIGN_OPERATORS.finditer(shortened))[:_MAX_REMARKS]:
        remarks.append(sanitize_for_terminal(f"{match.group()} was kept as text"))
    return escape(_ESCAPED.sub(r"\1", shortened).strip()), tags, remarks


def prompt_source(text: str) -> tuple[str, list[str]]:
    """Convert text in InvokeAI's syntax since version 3, where square brackets are text.

    If any of it is invalid, all of it becomes text.

    Returns:
        The prompt in our syntax, and remarks on what was lost.
    """
    shortened, remarks = capped(text)
    source = canonical(re.sub(r"(?<!\\)([\[\]])", r"\\\1", shortened.strip()))
    try:
        parse_prompt_sources(source)
    except PromptError as error:
        reason = error.message.rpartition(": ")[2]
        return escape(shortened.strip()), [*remarks, sanitize_for_terminal(f"{reason} was kept as text")]
    return source, remarks


def capped(text: str) -> tuple[str, list[str]]:
    """Remove control characters and cap the length; returns the text and remarks on what was cut off."""
    clean = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", "", text)
    if len(clean) <= MAX_PROMPT:
        return clean, []
    return clean[:MAX_PROMPT], [f"the last {len(clean) - MAX_PROMPT} characters of a prompt, which is too long"]
