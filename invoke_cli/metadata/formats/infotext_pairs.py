"""Scan the `key: value` pairs of A1111's settings: a value is a JSON string, object or list, or runs to a comma."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

MAX_PAIRS = 300

_KEY = re.compile(r"[ \t]*([^\W][\w .()\-/]{0,60}?)[ \t]*:[ \t]*")
_STRING = re.compile(r'"(?:\\.|[^\\"]){0,20000}"(?=\s*(?:,|\n|$))', re.DOTALL)
_MAX_VALUE = 60_000
_MAX_UNCLOSED = 5  # so that a hostile text costs little
_OPENING, _CLOSING = "{[", "}]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """The pairs of a line, the words between its commas that have no key, and the text behind the line."""

    pairs: dict[str, str]
    keyless: tuple[str, ...] = ()
    rest: str = ""


def scan_pairs(text: str) -> Scan:
    """Scan the pairs of the first line, with the values that run on over further lines."""
    pairs: dict[str, str] = {}
    keyless: list[str] = []
    position = 0
    unclosed = 0
    for _ in range(2 * MAX_PAIRS):
        if position >= len(text) or text[position] == "\n":
            break
        key = _KEY.match(text, position)
        with_documents = unclosed < _MAX_UNCLOSED
        value, end = _value(text, key.end(), with_documents) if key else _plain(text, position)
        unclosed += value.startswith(("{", "[")) and not value.endswith(("}", "]"))
        if key and len(pairs) < MAX_PAIRS:
            pairs.setdefault(key[1].strip(), value)
        elif value and len(keyless) < MAX_PAIRS:
            keyless.append(value)
        position = _behind(text, end)
    return Scan(
        pairs=pairs, keyless=tuple(keyless), rest=text[position:] if text[position : position + 1] == "\n" else ""
    )


def only_pairs(line: str) -> bool:
    """Return whether a line consists of two or more pairs, and nothing else."""
    scan = scan_pairs(line)
    return len(scan.pairs) > 1 and not scan.keyless


def _behind(text: str, end: int) -> int:
    """Return the position behind the comma that ends a value; a line break is not skipped."""
    while text[end : end + 1] in (" ", "\t", "\r"):
        end += 1
    return end + 1 if text[end : end + 1] == "," else end


def _value(text: str, start: int, with_documents: bool) -> tuple[str, int]:
    """Return the value that begins at `start`, and where it ends."""
    first = text[start : start + 1]
    if first == '"' and (quoted := _STRING.match(text, start)):
        return _unquoted(quoted[0]), quoted.end()
    if first and first in _OPENING and with_documents:
        end = _document_end(text, start)
        if end and re.match(r"[ \t\r]*(,|\n|$)", text[end : end + 20]):
            return text[start:end], end
        if not end and re.match(r'[{\[]\s*["{\[]', text[start : start + 20]):
            end = text.find("\n", start)  # a document that was cut off: nothing in it is a pair
            return text[start:] if end < 0 else text[start:end], len(text) if end < 0 else end
    return _plain(text, start)


def _plain(text: str, start: int) -> tuple[str, int]:
    """Return the text up to the next comma or line break, and where it ends."""
    ends = [end for mark in ",\n" if (end := text.find(mark, start)) >= 0]
    end = min(ends, default=len(text))
    return text[start:end].strip(), end


def _document_end(text: str, start: int) -> int:
    """Return where a JSON object or list ends, or one that is not quite JSON; 0 if its brackets never close."""
    part = text[start : start + _MAX_VALUE]
    try:
        return start + json.JSONDecoder().raw_decode(part)[1]
    except (ValueError, RecursionError):
        pass
    open_brackets: list[str] = []
    quoted = False
    for index, char in enumerate(part):
        if char == '"' and part[index - 1] != "\\":
            quoted = not quoted
        elif not quoted and char in _OPENING:
            open_brackets.append(_CLOSING[_OPENING.index(char)])
        elif not quoted and open_brackets and char == open_brackets[-1]:
            open_brackets.pop()
            if not open_brackets:
                return start + index + 1
    return 0


def _unquoted(value: str) -> str:
    try:
        return str(json.loads(value, strict=False))
    except ValueError:
        return value[1:-1]
