"""Quotes and backslashes. Knows how text is written into a line, not what it means.

Two kinds of text stand in a line. *Prompt source* keeps its escapes (the prompt language resolves them later), so its
quotes only hide blanks and switches. A *plain value* (a path, a name) is what it says; inside quotes `\\\\` and `\\"`
stand for the bare character and every other backslash is itself (`C:\\pics`).
"""

from __future__ import annotations

import re

BLANKS = " \t"
ESCAPABLE = frozenset('-|"\\()[]{}<+n')

_PAIR_OR_NEWLINE = re.compile(r"\\(\r\n|[\s\S]|$)|\r\n|\r|\n")
_BACKSLASHES = re.compile(r'(\\+)(?="|$)|\\{2,}')
_VALUE_ESCAPE = re.compile(r'\\([\\"])')
_NEEDS_QUOTES = re.compile(r"""^$|[ \t]|^["'#]|^--?[A-Za-z]|^\|$""")


def canonical(source: str) -> str:
    """Prompt source in the one form that a request holds; the meaning stays the same.

    A needless `\\"` becomes `"`, a line break becomes `\\n`, a lone backslash at the end is doubled. Idempotent.
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
    """Plain text as prompt source that means just this text: whatever could be an operator gets a backslash."""
    escaped = re.sub(r"[\\()\[\]{}<+]|(?<=[^\s-])-+(?!\w)", lambda m: "".join("\\" + c for c in m.group()), text)
    return canonical(escaped)


def literal(source: str) -> str:
    """The text that prompt source stands for, its escapes resolved."""
    return re.sub(r"\\([\s\S])", _literal_part, source)


def _literal_part(match: re.Match[str]) -> str:
    escaped = match.group(1)
    if escaped == "n":
        return "\n"
    return escaped if escaped in ESCAPABLE else match.group(0)


def quote_prompt(source: str) -> str:
    """Canonical prompt source between quotes."""
    return '"' + source.replace('"', '\\"') + '"'


def quote_value(value: str) -> str:
    """A plain value as one token of a line, quoted when it must be."""
    if not _NEEDS_QUOTES.search(value):
        return value
    doubled = _BACKSLASHES.sub(lambda m: m.group(0) * 2, value)
    return '"' + doubled.replace('"', '\\"') + '"'


def quote_prompt_value(source: str) -> str:
    """Canonical prompt source as one token of a line, quoted when it must be."""
    return quote_prompt(source) if _NEEDS_QUOTES.search(source) else source


def unquote_value(inner: str) -> str:
    """The plain value that stood between double quotes as `inner`."""
    return _VALUE_ESCAPE.sub(r"\1", inner)


def closing_quote(text: str, start: int) -> int | None:
    """Where the double quote that opens at `start` closes, or None. Backslash pairs are skipped."""
    position = start + 1
    while position < len(text):
        if text[position] == "\\":
            position += 2
        elif text[position] == '"':
            return position
        else:
            position += 1
    return None
