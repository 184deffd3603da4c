"""Split and join A1111's parameters: prompt, negative prompt, and one line of `key: value` pairs.

A1111's parser takes the last line as parameters if it has at least three pairs; a line that begins with
`Negative prompt:` begins the negative prompt; a value with a comma, colon or line break is JSON-quoted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

NEGATIVE = "Negative prompt:"
MIN_PAIRS = 3

_PAIR = re.compile(r'(\w[\w \-/]{0,60}):\s*("(?:\\.|[^\\"]){0,10000}"|[^,]*)(?:,|$)')
_BRACKETS = re.compile(r"([\\()\[\]])")
_MAX_PAIRS = 300
_MAX_LINE = 60_000


def split_parameters(text: str) -> tuple[str, str, dict[str, str]]:
    """Return prompt, negative prompt and the pairs of the last line (none if it has fewer than three)."""
    *lines, last = text.strip().split("\n")
    pairs: dict[str, str] = {}
    for match in _PAIR.finditer(last[:_MAX_LINE]):
        pairs[match[1].strip()] = _unquoted(match[2].strip())
        if len(pairs) >= _MAX_PAIRS:
            break
    if len(pairs) < MIN_PAIRS:
        lines, pairs = [*lines, last], {}
    prompt: list[str] = []
    negative: list[str] = []
    target = prompt
    for line in map(str.strip, lines):
        if line.startswith(NEGATIVE):
            target, line = negative, line[len(NEGATIVE) :].strip()
        target.append(line)
    return "\n".join(prompt).strip(), "\n".join(negative).strip(), pairs


def join_parameters(prompt: str, negative: str, pairs: Mapping[str, str]) -> str:
    """Return the text; empty prompts are omitted."""
    lines = [prompt] if prompt else []
    if negative:
        lines.append(f"{NEGATIVE} {negative}")
    return "\n".join([*lines, ", ".join(f"{key}: {_quoted(value)}" for key, value in pairs.items())])


def escape_brackets(text: str) -> str:
    """Escape the brackets of plain text, which are weights in A1111's prompts."""
    return _BRACKETS.sub(r"\\\1", text)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if re.search(r'[,:\n"]', value) else value


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value
