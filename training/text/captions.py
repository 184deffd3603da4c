"""Captions: random descriptions of a scene, generated anew for every use."""

from __future__ import annotations

import numpy as np

from training.rendering.scene import Hearth, Objects, Scene
from training.text.phrases import pick, say_hearth, say_landscape, say_objects, single_words
from training.text.vocabulary import FLUFF, MEDIUM_PREFIXES, MEDIUM_SUFFIXES

UNSAID, NAMED = 0.1, 0.05


def caption(scene: Scene, rng: np.random.Generator) -> str:
    """Return a caption for the scene. One in ten is empty, for classifier-free guidance.

    One in twenty is a single word for something in the scene, as people write negative prompts.
    """
    chance = rng.random()
    if chance < UNSAID:
        return ""
    return pick(single_words(scene), rng) if chance < UNSAID + NAMED else nonempty_caption(scene, rng)


def nonempty_caption(scene: Scene, rng: np.random.Generator) -> str:
    """Return a non-empty caption: subject, medium before or after it, sometimes filler words without meaning."""
    if isinstance(scene, Objects):
        subject = say_objects(scene, rng)
    elif isinstance(scene, Hearth):
        subject = say_hearth(scene, rng)
    else:
        subject = say_landscape(scene, rng)
    text = _framed(subject, scene.medium, rng)
    if rng.random() < 0.15:
        extra = rng.choice(FLUFF, size=int(rng.integers(1, 4)), replace=False)
        text = ", ".join([text, *(str(word) for word in extra)])
    return text.capitalize() if rng.random() < 0.12 else text


def _framed(subject: str, medium: str, rng: np.random.Generator) -> str:
    if medium == "plain" and rng.random() < 0.6:
        return subject
    if rng.random() < 0.55:
        return f"{pick(MEDIUM_PREFIXES[medium], rng)} {subject}".strip()
    return f"{subject}, {pick(MEDIUM_SUFFIXES[medium], rng)}"
