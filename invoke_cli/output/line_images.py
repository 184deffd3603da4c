"""The images of one line as a group: the number of the first one, and the letter of each (`000001.a.png`)."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_LETTERS = string.ascii_lowercase


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The place of an image among those of its line.

    Attributes:
        line: The number of the line's first image.
        index: The position of the image, from 1.
    """

    line: int
    index: int

    @property
    def letter(self) -> str:
        """The position in letters: a to z, then aa."""
        return letters(self.index)


class LineImages:
    """The images that one line has written so far, or for which it has reserved numbers, by folder."""

    def __init__(self) -> None:
        self._last: dict[Path, Place] = {}
        self._reserved: dict[Path, list[int]] = {}

    def reserve(self, folder: Path, numbers: Sequence[int]) -> None:
        """Note the numbers of images that will be written, perhaps not in order."""
        self._reserved.setdefault(folder, []).extend(numbers)

    def add(self, folder: Path, number: int) -> Place:
        """Add the next image, which has this number in the folder; return its place."""
        reserved = self._reserved.get(folder, [])
        if number in reserved:
            return Place(line=reserved[0], index=reserved.index(number) + 1)
        last = self._last.get(folder, Place(line=number, index=0))
        self._last[folder] = Place(line=last.line, index=last.index + 1)
        return self._last[folder]


def letters(index: int) -> str:
    """Return a position, from 1, in letters: a to z, then aa."""
    text = ""
    while index > 0:
        index, letter = divmod(index - 1, len(_LETTERS))
        text = _LETTERS[letter] + text
    return text


def index_of(text: str) -> int:
    """Return the position that letters, or digits, stand for."""
    if text.isdecimal():
        return int(text)
    index = 0
    for letter in text:
        index = index * len(_LETTERS) + _LETTERS.index(letter) + 1
    return index
