"""The seeds of a run of several images, as InvokeAI 2.x derived them from Python's generator."""

from __future__ import annotations

import random
from collections.abc import Iterator

from invoke_cli.request import MAX_SEED


def next_seed(seed: int) -> int:
    """Return the seed after `seed` in a run of several images: the first value of Python's generator seeded with it."""
    return random.Random(seed).randrange(0, MAX_SEED)


def seed_run(first: int, count: int) -> Iterator[int]:
    """Yield `count` seeds, starting with `first`, each derived from the previous one."""
    seed = first
    for index in range(count):
        seed = next_seed(seed) if index else first
        yield seed
