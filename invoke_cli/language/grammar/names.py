"""Names as people type them: near spellings, and long names with dashes or underscores."""

from __future__ import annotations

from collections.abc import Iterable

_MIN_START = 4
_MAX_LENGTH = 80


def nearest(word: str, candidates: Iterable[str]) -> str:
    """Return the candidate with the nearest spelling, or an empty string if none is near."""
    return next(iter(near_names(word, candidates, 1)), "")


def near_names(word: str, candidates: Iterable[str], count: int = 3) -> list[str]:
    """Return up to `count` candidates whose spelling is near, the nearest first.

    Near are names with few typing errors (one in a short name, up to three in a long one), and names that begin as the
    word does where one of the two is only longer.
    """
    typed = word.lstrip("-").lower()
    if len(typed) > _MAX_LENGTH:
        return []
    found: list[tuple[int, str]] = []
    for candidate in dict.fromkeys(candidates):
        name = candidate.lstrip("-").lower()
        limit = _allowed_errors(min(len(typed), len(name)))
        if abs(len(typed) - len(name)) <= limit and (errors := _typing_errors(typed, name)) <= limit:
            found.append((errors, candidate))
        elif min(len(typed), len(name)) >= _MIN_START and (name.startswith(typed) or typed.startswith(name)):
            found.append((abs(len(typed) - len(name)), candidate))
    return [candidate for _, candidate in sorted(found, key=lambda each: each[0])[:count]]


def _allowed_errors(length: int) -> int:
    return 0 if length < 2 else 1 if length < 5 else 2 if length < 10 else 3


def _typing_errors(one: str, other: str) -> int:
    """Count the letters to insert, remove, replace, or exchange with their neighbour, to turn one word into another."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        current = [i]
        for j, target in enumerate(other, start=1):
            cost = min(row[j] + 1, current[j - 1] + 1, row[j - 1] + (letter != target))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == target:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        before, row = row, current
    return row[-1]


def normalise_name(name: str) -> str:
    """Replace the inner dashes of a long name with underscores: `--from-file` equals `--from_file`."""
    return "--" + name[2:].replace("-", "_") if name.startswith("--") else name
