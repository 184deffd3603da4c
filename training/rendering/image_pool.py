"""Images rendered in advance: a file of pixels, and the scenes, which are regenerated from their seeds."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.rendering.mixes import Mix
from training.rendering.random_scenes import draw_scene
from training.rendering.render import render
from training.rendering.scene import Scene

Pixels = NDArray[np.uint8]
CHUNK = 64


@dataclass(frozen=True, kw_only=True)
class Pool:
    """`count` scenes of a mix, `width` x `height`. Scene i of a seed never changes. Held-out images use other seeds."""

    mix: Mix
    count: int
    seed: int
    width: int = 256
    height: int = 256

    def scene(self, index: int) -> Scene:
        """Return the scene at an index."""
        return draw_scene(np.random.default_rng((self.seed, index)), self.mix)

    def scenes(self) -> list[Scene]:
        """Return all scenes, in order."""
        return [self.scene(index) for index in range(self.count)]


def images(pool: Pool, workers: int) -> Iterator[Pixels]:
    """Yield the pool's images in chunks (n, H, W, 3), in order, rendered by several processes."""
    starts = range(0, pool.count, CHUNK)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as processes:
        yield from processes.map(_chunk, [pool] * len(starts), starts)


def stored_images(pool: Pool, path: Path, workers: int) -> Pixels:
    """Return the pool's images (count, H, W, 3) from a file, which is rendered first if missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npy")
        shape = (pool.count, pool.height, pool.width, 3)
        store = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
        for number, chunk in enumerate(images(pool, workers)):
            store[number * CHUNK : number * CHUNK + len(chunk)] = chunk
        store.flush()
        partial.replace(path)
    loaded: Pixels = np.load(path, mmap_mode="r")
    return loaded


def _chunk(pool: Pool, start: int) -> Pixels:
    stop = min(start + CHUNK, pool.count)
    return np.stack([np.asarray(render(pool.scene(i), pool.width, pool.height)) for i in range(start, stop)])
