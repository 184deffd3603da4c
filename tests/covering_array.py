"""Covering arrays: few rows in which every two values of different factors occur together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, product

Row = tuple[str, ...]
Pair = tuple[tuple[int, str], tuple[int, str]]


def pairs(row: Row) -> set[Pair]:
    """Return the pairs of values of a row, each with the index of its factor."""
    return set(combinations(enumerate(row), 2))


def covering_rows(factors: Mapping[str, Iterable[str]], is_usable: Callable[[Row], bool]) -> list[Row]:
    """Return rows of usable combinations that contain every pair of values that any usable combination contains.

    Greedy: each row is the combination with the most pairs that no earlier row contains.
    """
    rows = [row for row in product(*factors.values()) if is_usable(row)]
    missing = set[Pair]().union(*map(pairs, rows))
    chosen: list[Row] = []
    while missing:
        best = max(rows, key=lambda row: len(pairs(row) & missing))
        chosen.append(best)
        missing -= pairs(best)
    return chosen


def all_pairs(rows: Sequence[Row]) -> set[Pair]:
    """Return the pairs of values of several rows."""
    return set[Pair]().union(*map(pairs, rows))
