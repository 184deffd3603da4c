"""Quoting and escaping of text in a line. Does not interpret the text.

A line contains two kinds of text. *Prompt source* keeps its escapes (the prompt language resolves them later); quotes
only protect blanks and switches in it. A *plain value* (a path, a name) is literal; inside quotes, `\\\\` and `\\"`
stand for the bare character, and every other backslash is literal (`C:\\pics`).
"""

from __future__ import annotations

import re

BLANKS = " \t"
ESCAPABLE = frozenset('-|"\\()[]{}<+n')

_PAIR_OR_NEWLINE = re.compile(r"\\(\r\n|[\s\S]|$)|\r\n|\r|\n")
_BACKSLASHES = re.compile(r'(\\+)(?="|$)|\\{2,}')
_VALUE_ESCAPE = re.compile(r'\\([\\"])')
_NEEDS_QUOTES = re.compile(r"""^$|[ \t]|^["'#]|^--?[A-Za-z]|^\|$|\\$""")


def canonical(source: str) -> str:
    """Normalise prompt source to the form stored in a request, without changing its meaning.

    A redundant `\\"` becomes `"`, a line break becomes `\\n`, a lone backslash at the end is doubled. Idempotent.
    """
    return _PAIR_OR_NEWLINE.sub(_canonical_part, source)


def _canonical_part(match: re.Match[str]) -> str:
    escaped = match.group(1)
    if escaped is None:
        return "\\n"
    if escaped == "":
        return "\\\\"
    if escaped == '"':
        return '"'
    if escaped in ("\r\n", "\r", "\n"):
        return "\\\\\\n"
    return match.group(0)


def escape(text: str) -> str:
    """Escape plain text as prompt source: every possible operator gets a backslash."""
    escaped = re.sub(r"[\\()\[\]{}<+]|(?<=[^\s-])-+(?!\w)", lambda m: "".join("\\" + c for c in m.group()), text)
    return canonical(escaped)


def literal(source: str) -> str:
    """Resolve the escapes in prompt source."""
    return re.sub(r"\\([\s\S])", _literal_part, source)


def _literal_part(match: re.Match[str]) -> str:
    escaped = match.group(1)
    if escaped == "n":
        return "\n"
    return escaped if escaped in ESCAPABLE else match.group(0)


def quote_prompt(source: str) -> str:
    """Put canonical prompt source in double quotes."""
    return '"' + source.replace('"', '\\"') + '"'


def quote_value(value: str) -> str:
    """Format a plain value as one token of a line, quoted if necessary."""
    return always_quoted(value) if _NEEDS_QUOTES.search(value) else value


def always_quoted(value: str) -> str:
    """Put a plain value in double quotes."""
    doubled = _BACKSLASHES.sub(lambda m: m.group(0) * 2, value)
    return '"' + doubled.replace('"', '\\"') + '"'


def quote_prompt_value(source: str) -> str:
    """Format canonical prompt source as one token of a line, quoted if necessary."""
    return quote_prompt(source) if _NEEDS_QUOTES.search(source) else source


def unquote_value(inner: str) -> str:
    """Unescape the inside of a double-quoted plain value."""
    return _VALUE_ESCAPE.sub(r"\1", inner)


def closing_quote(text: str, start: int) -> int | None:
    """Return the position of the quote that closes the one at `start`, or None. Skips escaped characters."""
    position = start + 1
    while position < len(text):
        if text[position] == "\\":
            position += 2
        elif text[position] == '"':
            return position
        else:
            position += 1
    return None
