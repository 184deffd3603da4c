"""Reserve the numbers of a run's images before it begins, so that they follow the order of the lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from invoke_cli.output.folder import OutputFolder


class Numbering(Protocol):
    """Reserves numbers."""

    def reserve(self, folder: OutputFolder, count: int) -> Sequence[int]:
        """Return `count` numbers of a folder, which no other run gets."""


class NextNumbers:
    """Reserves the next free numbers of each folder."""

    def reserve(self, folder: OutputFolder, count: int) -> range:
        """Return the next `count` free numbers."""
        return folder.reserve_numbers(count)


class NumbersFrom:
    """Counts from a given number in each folder, whatever it contains.

    Args:
        first: The first number.
    """

    def __init__(self, first: int) -> None:
        self._first = first
        self._next: dict[Path, int] = {}

    def reserve(self, folder: OutputFolder, count: int) -> range:
        """Return the `count` numbers after the last reserved one."""
        start = self._next.get(folder.path, self._first)
        self._next[folder.path] = start + count
        return range(start, start + count)
