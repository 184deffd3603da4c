"""Value types for numbers: integers, decimals, seeds and variations. Knows no switches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from invoke_cli.language.switches.values import display_value, reject_list
from invoke_cli.request import MAX_SEED, Variation

MAX_SEEDS = 10_000

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_SEED = re.compile(r"[+-]?[0-9]{1,20}")
_SEED_RANGE = re.compile(r"([0-9]{1,20})\.\.([0-9]{1,20})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Integer:
    """An integer from `low` to `high`. With `bare`, the value is optional and defaults to it."""

    low: int
    high: int
    bare: int | None = None
    prompt_text: bool = False

    @property
    def takes(self) -> str:
        """`optional` if the value may be omitted."""
        return "one" if self.bare is None else "optional"

    def parse(self, text: str) -> int:
        """Parse an integer."""
        if not _INTEGER.fullmatch(text):
            reject_list(text)
            raise ValueError(f"takes a whole number, not {display_value(text)}")
        number = int(text)
        if not self.low <= number <= self.high:
            raise ValueError(f"takes a whole number from {self.low} to {self.high}, not {text}")
        return number

    def format(self, value: object) -> str:
        """Format the number."""
        return str(value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    """A decimal number from `low` to `high`; `words` are named values, `several` allows a list."""

    low: float
    high: float
    words: Mapping[str, float] = field(default_factory=dict)
    several: bool = False
    takes: str = "one"
    prompt_text: bool = False

    def parse(self, text: str) -> float | tuple[float, ...]:
        """Parse a number or, if `several`, a list of numbers."""
        if self.several and "," in text:
            return tuple(self.parse_one(part.strip()) for part in text.split(","))
        return self.parse_one(text)

    def parse_one(self, text: str) -> float:
        """Parse a single number."""
        if text.lower() in self.words:
            return self.words[text.lower()]
        if not _NUMBER.fullmatch(text):
            reject_list(text)
            raise ValueError(f"takes a number{self._words()}, not {display_value(text)}")
        number = float(text)
        if not self.low <= number <= self.high:
            raise ValueError(f"takes a number from {self.low:g} to {self.high:g}{self._words()}, not {text}")
        return number + 0.0

    def format(self, value: object) -> str:
        """Return the shortest text that parses back to the same number."""
        return format_number(value)

    def _words(self) -> str:
        return f" or {', '.join(self.words)}" if self.words else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seeds:
    """Seeds: a number, a list `1,2,3`, an inclusive range `0..3`, or a reference (-1: the seed of the last image)."""

    takes: str = "one"
    prompt_text: bool = False

    def parse(self, text: str) -> tuple[int, ...]:
        """Parse the seeds, in order."""
        seeds: list[int] = []
        for part in text.split(","):
            seeds.extend(self._parse_part(part.strip()))
            if len(seeds) > MAX_SEEDS:
                raise ValueError(f"takes at most {MAX_SEEDS} seeds in one line")
        return tuple(seeds)

    def _parse_part(self, part: str) -> range | tuple[int]:
        if match := _SEED_RANGE.fullmatch(part):
            first, last = self._checked(match[1]), self._checked(match[2])
            if last < first:
                raise ValueError(f"takes an ascending range, such as {last}..{first}, not {display_value(part)}")
            if last - first >= MAX_SEEDS:
                raise ValueError(f"takes at most {MAX_SEEDS} seeds in one line")
            return range(first, last + 1)
        if _SEED.fullmatch(part):
            return (self._checked(part),)
        kinds = f"a seed (0 to {MAX_SEED}), a list 1,2,3, a range 0..3, or -1 for the last image's"
        raise ValueError(f"takes {kinds}, not {display_value(part)}")

    def _checked(self, text: str) -> int:
        seed = int(text)
        if not -MAX_SEEDS <= seed <= MAX_SEED:
            raise ValueError(f"takes a seed from 0 to {MAX_SEED}, not {text}")
        return seed

    def format(self, value: object) -> str:
        """Format runs of three or more as `a..b`, and separate the rest by commas."""
        assert isinstance(value, tuple)
        runs: list[list[int]] = []
        for seed in value:
            if runs and seed >= 0 and runs[-1][0] >= 0 and seed == runs[-1][-1] + 1:
                runs[-1].append(seed)
            else:
                runs.append([seed])
        return ",".join(f"{r[0]}..{r[-1]}" if len(r) > 2 else ",".join(map(str, r)) for r in runs)


@dataclass(frozen=True, kw_only=True, slots=True)
class Variations:
    """Variations `seed:weight,seed:weight`. Also accepts older formats: `seed,w;seed,w` and `seed,w,seed,w`."""

    takes: str = "one"
    prompt_text: bool = False

    def parse(self, text: str) -> tuple[Variation, ...]:
        """Parse the variations, in order."""
        parts = [part.strip() for part in re.split(r"[:,;]", text.strip(" ,;"))]
        if len(parts) % 2 or not all(parts):
            raise ValueError(f"takes pairs of seed and weight, such as 12345:0.2,678:0.1, not {display_value(text)}")
        return tuple(self._parse_pair(seed, weight) for seed, weight in zip(parts[::2], parts[1::2], strict=True))

    def _parse_pair(self, seed: str, weight: str) -> Variation:
        if not _SEED.fullmatch(seed) or not 0 <= int(seed) <= MAX_SEED:
            raise ValueError(f"takes seeds from 0 to {MAX_SEED}, not {display_value(seed)}")
        if not _NUMBER.fullmatch(weight) or not 0 <= float(weight) <= 1:
            raise ValueError(f"takes a weight from 0 to 1 after each seed, not {display_value(weight)}")
        return Variation(int(seed), float(weight) + 0.0)

    def format(self, value: object) -> str:
        """Format the variations as `seed:weight` pairs separated by commas."""
        assert isinstance(value, tuple)
        return ",".join(f"{variation.seed}:{format_number(variation.weight)}" for variation in value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Numbers:
    """One or more decimal numbers separated by blanks; `ranges` contains the (low, high) limits of each."""

    ranges: tuple[tuple[float, float], ...]
    takes: str = "numbers"
    prompt_text: bool = False

    def parse(self, text: str) -> tuple[float, ...]:
        """Parse the numbers, in order."""
        parts = text.split()
        if len(parts) > len(self.ranges):
            raise ValueError(f"takes at most {len(self.ranges)} numbers, not {len(parts)}")
        limits = zip(self.ranges, parts, strict=False)
        return tuple(Number(low=low, high=high).parse_one(part) for (low, high), part in limits)

    def format(self, value: object) -> str:
        """Format the numbers, separated by blanks."""
        assert isinstance(value, tuple)
        return " ".join(map(format_number, value))


@dataclass(frozen=True, kw_only=True, slots=True)
class Integers:
    """One to `most` integers from `low` to `high`, separated by blanks or commas."""

    low: int
    high: int
    most: int
    takes: str = "numbers"
    prompt_text: bool = False

    def parse(self, text: str) -> tuple[int, ...]:
        """Parse the numbers, in order."""
        parts = text.replace(",", " ").split()
        if not 1 <= len(parts) <= self.most:
            raise ValueError(f"takes 1 to {self.most} whole numbers")
        return tuple(Integer(low=self.low, high=self.high).parse(part) for part in parts)

    def format(self, value: object) -> str:
        """Format the numbers, separated by blanks."""
        assert isinstance(value, tuple)
        return " ".join(map(str, value))


def format_number(value: object) -> str:
    """Return the shortest decimal text that parses back to the same number, without a trailing `.0`."""
    text = repr(value)
    return text[:-2] if text.endswith(".0") else text
