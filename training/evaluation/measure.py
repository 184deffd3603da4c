"""Draw the prompts of a table and let the eye judge the pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image

from training.evaluation.eye import Eye, answers_of, questions, small
from training.evaluation.prompts import Prompt
from training.evaluation.sheets import SheetOptions, draw

# The squares in which the two of a pair are looked for: their left edge and side, in widths of the picture.
HALVES = ((0.0, 0.54), (0.46, 0.54))


@dataclass(frozen=True, kw_only=True)
class Marks:
    """The shares of right answers by question, and the prompts whose thing was not recognised, with what was seen."""

    shares: dict[str, float]
    missed: tuple[tuple[str, str], ...]


def drawn(
    pipeline: StableDiffusionPipeline, prompts: list[Prompt], seeds: int, options: SheetOptions
) -> list[list[Image.Image]]:
    """Return `seeds` pictures of every prompt, one list of pictures per seed."""
    texts = [prompt.text for prompt in prompts]
    return [draw(pipeline, texts, seed=1000 + 10_000 * round_, options=options) for round_ in range(seeds)]


def marks(eye: Eye, prompts: list[Prompt], images: list[Image.Image]) -> Marks:
    """Judge one picture of every prompt."""
    if any(prompt.second for prompt in prompts):
        return _pair_marks(eye, prompts, images)
    answers = answers_of(eye, np.stack([small(image) for image in images]), first=5)
    right: dict[str, list[bool]] = {}
    missed = []
    for index, prompt in enumerate(prompts):
        for question, wanted in prompt.wanted.items():
            number = questions()[question].index(wanted)
            right.setdefault(question, []).append(bool(answers[question][index, 0] == number))
        thing = questions()["thing"].index(prompt.wanted["thing"])
        right.setdefault("thing within five", []).append(bool((answers["thing"][index] == thing).any()))
        if answers["thing"][index, 0] != thing:
            missed.append((prompt.text, questions()["thing"][int(answers["thing"][index, 0])]))
    return Marks(shares={name: float(np.mean(found)) for name, found in right.items()}, missed=tuple(missed))


def _pair_marks(eye: Eye, prompts: list[Prompt], images: list[Image.Image]) -> Marks:
    """Judge pictures of pairs: both things must be seen, one in each half; an order is judged where one is asked."""
    sides = [_seen_in_half(eye, images, half) for half in HALVES]
    both, ordered, missed = [], [], []
    for index, prompt in enumerate(prompts):
        seen = [questions()["thing"][int(side[index])] for side in sides]
        wanted = [prompt.wanted["thing"], prompt.second]
        both.append(sorted(seen) == sorted(wanted))
        if "left of" in prompt.text:
            ordered.append(seen == wanted)
        if not both[-1]:
            missed.append((prompt.text, " and ".join(seen)))
    shares = {"both": float(np.mean(both))}
    if ordered:
        shares["both in order"] = float(np.mean(ordered))
    return Marks(shares=shares, missed=tuple(missed))


def _seen_in_half(eye: Eye, images: list[Image.Image], half: tuple[float, float]) -> NDArray[np.int64]:
    left, side = half
    crops = []
    for image in images:
        reach = round(side * image.width)
        top = (image.height - reach) // 2
        start = round(left * image.width)
        crops.append(small(image.crop((start, top, start + reach, top + reach))))
    found: NDArray[np.int64] = answers_of(eye, np.stack(crops))["thing"][:, 0]
    return found
