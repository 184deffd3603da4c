"""The forms in which terminals and file managers paste the path of a file: escaped, in quotes, as a `file:` address."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from urllib.parse import unquote

from invoke_cli.language.grammar.quotes import BLANKS

_ESCAPE = re.compile(r"\\([^\w\\])")
_ANY_ESCAPE = re.compile(r"\\(.)")
_FILE_ADDRESS = re.compile(r"file:(?://(?:localhost)?)?(?=/)", re.IGNORECASE)
_DRIVE = re.compile(r"/[A-Za-z]:[/\\]")
_PASTED = re.compile(r"\\|^\s|\s$|^['\"]|^file:", re.IGNORECASE)
_APOSTROPHE = "'\\''"


def may_be_pasted(path: str) -> bool:
    """Return whether a path contains anything that pasted paths have."""
    return bool(_PASTED.search(path))


def is_escaped(path: str) -> bool:
    """Return whether a path can only be a pasted one: a `file:` address, or one with an escaped blank or sign."""
    return bool(_FILE_ADDRESS.match(path) or _ESCAPE.search(path))


def pasted_forms(path: str) -> Iterator[str]:
    """Yield what a pasted path may mean, the likeliest first."""
    bare = path.strip()
    address = _FILE_ADDRESS.match(bare)
    if address:
        local = unquote(bare[address.end() :])
        yield local[1:] if _DRIVE.match(local) else local
        return
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\"":
        bare = shell_apostrophes(bare[1:-1])
    yield _ESCAPE.sub(r"\1", bare)
    yield bare
    yield _ANY_ESCAPE.sub(r"\1", bare)
    yield bare.replace("\\", "/")


def shell_apostrophes(text: str) -> str:
    """Replace the apostrophes that a shell's single quotes cannot contain: they are written as `'\\''`."""
    return text.replace(_APOSTROPHE, "'")


def single_quote_close(text: str, start: int, end: int) -> int:
    """Return the position of the single quote that closes the one at `start`, -1 if there is none before `end`."""
    close = text.find("'", start + 1, end)
    while close != -1 and text.startswith(_APOSTROPHE, close):
        close = text.find("'", close + len(_APOSTROPHE), end)
    return close


class SingleQuotes:
    """The single quotes of a line up to `end`, and which of them close a value: a blank or the end follows those."""

    def __init__(self, text: str, end: int) -> None:
        self._positions = [match.start() for match in re.finditer("'", text[:end])]
        self._closes: list[int | None] = [None] * len(self._positions)
        for index in range(len(self._positions) - 1, -1, -1):
            position = self._positions[index]
            if text.startswith(_APOSTROPHE, position):
                self._closes[index] = self._first_close(position + len(_APOSTROPHE))
            elif position + 1 == end or text[position + 1] in BLANKS:
                self._closes[index] = position
            else:
                self._closes[index] = self._first_close(position + 1)

    def close_of(self, start: int) -> int | None:
        """Return the quote that closes the one at `start`; None if there is none."""
        return self._first_close(start + 1)

    def _first_close(self, start: int) -> int | None:
        index = bisect_left(self._positions, start)
        return self._closes[index] if index < len(self._closes) else None


def escaped_word_end(text: str, start: int, end: int) -> int:
    """Return the end of a word in which a backslash before a blank keeps it together."""
    position = start
    while position < end:
        if text[position] == "\\" and position + 1 < end:
            position += 2 if text[position + 1] in BLANKS or text[position + 1] == "\\" else 1
        elif text[position] in BLANKS:
            break
        else:
            position += 1
    return min(position, end)
