"""The seeds of a run of several images, as InvokeAI 2.x derived them from Python's generator."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

from invoke_cli.planning.plan import ImagePlan
from invoke_cli.request import DISTINCT_SEEDS

_MAX_SHOWN = 3


def next_seed(seed: int) -> int:
    """Return the seed after `seed` in a run of several images: the first value of Python's generator seeded with it."""
    return random.Random(seed).randrange(0, DISTINCT_SEEDS - 1)


def seed_run(first: int, count: int) -> Iterator[int]:
    """Yield `count` seeds, starting with `first`, each derived from the previous one."""
    seed = first
    for index in range(count):
        seed = next_seed(seed) if index else first
        yield seed


def seed_notices(images: Iterable[ImagePlan]) -> Iterator[str]:
    """Yield a notice for the seeds beyond 32 bits, which names those with the same noise."""
    seeds = [seed for image in images for seed in (image.seed, *(each.seed for each in image.variations))]
    beyond = [seed for seed in dict.fromkeys(seeds) if seed >= DISTINCT_SEEDS]
    if beyond:
        pairs = [f"seed {seed} gives the same image as {seed % DISTINCT_SEEDS}" for seed in beyond[:_MAX_SHOWN]]
        more = f" (and {len(beyond) - _MAX_SHOWN} more)" if len(beyond) > _MAX_SHOWN else ""
        yield f"{', '.join(pairs)}{more}: torch's generator uses the low 32 bits"
