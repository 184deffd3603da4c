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
_CLOSING_OF = {"{": "}", "[": "]"}
_BRACKET_OR_STRING = re.compile(r'[{}\[\]]|"(?:\\.|[^\\"])*"')
_AFTER_VALUE = re.compile(r"[ \t\r]*(?:,|\n|$)")
_BEGINS_JSON = re.compile(r'[{\[]\s*["{\[]')


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
    position = unclosed = 0
    for _ in range(MAX_PAIRS):
        if text[position : position + 1] in ("", "\n"):
            break
        key = _KEY.match(text, position)
        if key is None:
            value, end = _plain(text, position)
            keyless += [value] if value else []
        else:
            value, end = _value(text, key.end(), unclosed < _MAX_UNCLOSED)
            unclosed += _is_unclosed(value)
            pairs.setdefault(key[1].strip(), value)
        position = _behind(text, end)
    rest = text[position:] if text[position : position + 1] == "\n" else ""
    return Scan(pairs=pairs, keyless=tuple(keyless), rest=rest)


def _is_unclosed(value: str) -> bool:
    return value.startswith(("{", "[")) and not value.endswith(("}", "]"))


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
    quoted = _STRING.match(text, start) if text[start : start + 1] == '"' else None
    if quoted:
        return _unquoted(quoted[0]), quoted.end()
    if with_documents and text[start : start + 1] in ("{", "["):
        end = _document_end(text, start)
        if end:
            return text[start:end], end
    return _plain(text, start)


def _plain(text: str, start: int) -> tuple[str, int]:
    """Return the text up to the next comma or line break, and where it ends."""
    ends = [end for mark in ",\n" if (end := text.find(mark, start)) >= 0]
    end = min(ends, default=len(text))
    return text[start:end].strip(), end


def _document_end(text: str, start: int) -> int:
    """Return where a JSON object or list ends, or one that is not quite JSON; 0 if it is no document.

    One that was cut off ends with the line: nothing in it is a pair.
    """
    part = text[start : start + _MAX_VALUE]
    try:
        end = start + json.JSONDecoder().raw_decode(part)[1]
    except (ValueError, RecursionError):
        end = start + _balanced_length(part)
    if end > start and _AFTER_VALUE.match(text, end):
        return end
    if end == start and _BEGINS_JSON.match(part):
        line_end = text.find("\n", start)
        return len(text) if line_end < 0 else line_end
    return 0


def _balanced_length(part: str) -> int:
    """Return the length up to the bracket that closes the first one, 0 if none does; quotes protect brackets."""
    expected: list[str] = []
    for match in _BRACKET_OR_STRING.finditer(part):
        sign = match[0]
        if sign in _CLOSING_OF:
            expected.append(_CLOSING_OF[sign])
        elif expected and sign == expected[-1]:
            expected.pop()
            if not expected:
                return match.end()
    return 0


def _unquoted(value: str) -> str:
    try:
        return str(json.loads(value, strict=False))
    except ValueError:
        return value[1:-1]
