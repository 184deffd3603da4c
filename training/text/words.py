"""The captions of all kinds of pictures, and the words in them."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from training.compositions.composition import Composition
from training.compositions.random_compositions import READING, draw_picture
from training.compositions.wording import composition_caption, describe
from training.pictures.things import plural_of, things
from training.rendering.scene import Scene
from training.text.captions import caption, nonempty_caption
from training.text.vocabulary import EVERYDAY

SAMPLED = 24_000
WORD = re.compile(r"[a-z]+")


def any_caption(scene: Scene | Composition, rng: np.random.Generator) -> str:
    """Return a caption of a picture for the denoiser; one in ten is empty."""
    return composition_caption(scene, rng) if isinstance(scene, Composition) else caption(scene, rng)


def said_caption(scene: Scene | Composition, rng: np.random.Generator) -> str:
    """Return a caption of a picture that is not empty."""
    return describe(scene, rng) if isinstance(scene, Composition) else nonempty_caption(scene, rng)


def word_counts(seed: int, captions: int = SAMPLED) -> dict[str, int]:
    """Return how often each word occurs in random captions; each word of a name counts at least 40 times."""
    counts: Counter[str] = Counter(EVERYDAY.split() * 3)
    rng = np.random.default_rng((seed, 77))
    for _ in range(captions):
        counts.update(WORD.findall(said_caption(draw_picture(rng, READING), rng).lower()))
    for thing in things():
        for name in thing.names:
            for word in WORD.findall(f"{name} {plural_of(name) if thing.countable else ''}"):
                counts[word] = max(counts[word], 40)
    return dict(counts)


def known_words(seed: int = 0, captions: int = SAMPLED) -> list[str]:
    """Return the words that mean something to the model, in alphabetical order."""
    everyday = Counter(EVERYDAY.split() * 3)
    return sorted(word for word, count in word_counts(seed, captions).items() if count > everyday[word])
