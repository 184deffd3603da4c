"""Views as pictures and captions, drawn here or by several processes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.compositions.drawing import render_any
from training.compositions.random_compositions import Blend, draw_picture
from training.pictures.sprites import ColouredSprites, Sprites
from training.text.words import any_caption

Seed = tuple[int, int]
DrawnView = tuple[NDArray[np.uint8], str]
Drawer = Callable[[Blend, tuple[int, int], list[Seed]], list[DrawnView]]
# How many views a process draws before it hands them over.
CHUNK = 8


def drawer(sprites: ColouredSprites) -> Drawer:
    """Return what draws views in this process."""
    return lambda blend, size, seeds: [draw_view(sprites, blend, size, seed) for seed in seeds]


def parallel_drawer(pictures: Path, processes: int) -> Drawer:
    """Return what draws the same views in several processes, which read the pictures themselves."""
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))

    def drawn(blend: Blend, size: tuple[int, int], seeds: list[Seed]) -> list[DrawnView]:
        return list(pool.map(partial(_drawn_elsewhere, pictures, blend, size), seeds, chunksize=CHUNK))

    return drawn


def draw_view(sprites: ColouredSprites, blend: Blend, size: tuple[int, int], seed: Seed) -> DrawnView:
    """Return the pixels (H, W, 3) and a caption of the view of a seed."""
    rng = np.random.default_rng(seed)
    scene = draw_picture(rng, blend)
    caption = any_caption(scene, rng)
    return np.asarray(render_any(scene, sprites, *size)), caption


def _drawn_elsewhere(pictures: Path, blend: Blend, size: tuple[int, int], seed: Seed) -> DrawnView:
    return draw_view(_sprites(pictures), blend, size, seed)


@cache
def _sprites(pictures: Path) -> ColouredSprites:
    """Return the pictures of this process."""
    return ColouredSprites(Sprites(pictures))
