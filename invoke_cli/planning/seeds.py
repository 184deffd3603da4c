"""The seeds of a run. InvokeAI 2.x chained them through Python's generator; its published lists come true here."""

from __future__ import annotations

import random
from collections.abc import Iterator

from invoke_cli.request import MAX_SEED


def next_seed(seed: int) -> int:
    """The seed after `seed` in a run of several images: the first draw of Python's generator seeded with it."""
    return random.Random(seed).randrange(0, MAX_SEED)


def seed_run(first: int, count: int) -> Iterator[int]:
    """`count` seeds: the first as given, each next one from the one before."""
    seed = first
    for index in range(count):
        seed = next_seed(seed) if index else first
        yield seed
