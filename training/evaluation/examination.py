"""The evaluation: prompts that training never saw, images generated for them, and analytic checks of these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from diffusers import StableDiffusionPipeline
from PIL import Image

from training.evaluation.image_analysis import ImageAnalysis, background_colour, things_in
from training.evaluation.media_classifier import MediumClassifier, pixels_of, time_of_day
from training.evaluation.sheets import SheetOptions, draw
from training.rendering.canvas import Array
from training.rendering.held_out import is_held_out
from training.rendering.random_scenes import landscape, pair, single
from training.rendering.scene import MEDIA, SHAPES, Landscape, Objects, Scene
from training.text.captions import nonempty_caption
from training.text.vocabulary import COLOUR_WORDS, STORM_WORDS, TIME_WORDS

SEED = 4242
OWN_SHARE = 0.25
PLACE_WORDS = (" left of", " right of", " above", " over", " on top of", " below", " under", " beneath")
CORNER_WORDS = ("left", "right", "top", "bottom", "upper", "lower", "middle", "center", "centre")


@dataclass(frozen=True, kw_only=True)
class Question:
    """A prompt and the scene that it describes."""

    scene: Scene
    prompt: str


@dataclass(frozen=True, kw_only=True)
class Examination:
    """The prompts of the evaluation by kind; 300 in total."""

    singles: list[Question]
    pairs: list[Question]
    views: list[Question]
    media: list[Question]

    def all(self) -> list[Question]:
        """Return every prompt, in order."""
        return [*self.singles, *self.pairs, *self.views, *self.media]


def examination(share: float = 1.0) -> Examination:
    """Return 96 shapes, 72 pairs, 62 landscapes and 70 images in a medium, or a share of each, always the same."""
    rng = np.random.default_rng(SEED)
    others = [medium for medium in MEDIA if medium != "plain"]
    media = [others[i % len(others)] for i in range(round(70 * share))]
    return Examination(
        singles=_questions(rng, round(96 * share), lambda: single(rng, "plain", SHAPES)),
        pairs=_questions(rng, round(72 * share), lambda: pair(rng, "plain")),
        views=_questions(rng, round(62 * share), lambda: landscape(rng, "plain")),
        media=[_questions(rng, 1, partial(_in_medium, rng, medium))[0] for medium in media],
    )


def generate_answers(
    pipeline: StableDiffusionPipeline, questions: Sequence[Question], options: SheetOptions, series: int = 0
) -> list[Array]:
    """Generate an image (H, W, 3) in 0..255 for every prompt; each `series` uses other seeds."""
    generated: list[Image.Image] = draw(pipeline, [q.prompt for q in questions], SEED + 10_000 * series, options)
    return [pixels_of(image) for image in generated]


def scores(questions: Examination, images: Sequence[Array], classifier: MediumClassifier) -> dict[str, float]:
    """Return the share of correct images by criterion, 0..1. The images are in the order of `questions.all()`."""
    rest = iter(images)
    return {
        **_averaged([_single_marks(q, next(rest)) for q in questions.singles]),
        **_averaged([_pair_scores(q.scene, next(rest)) for q in questions.pairs]),
        **_averaged([_view_marks(q.scene, next(rest)) for q in questions.views]),
        **_averaged([{"medium": float(classifier.classify(next(rest)) == q.scene.medium)} for q in questions.media]),
    }


def _questions(rng: np.random.Generator, count: int, make: Callable[[], Scene]) -> list[Question]:
    asked: list[Question] = []
    while len(asked) < count:
        scene = make()
        if is_held_out(scene):
            asked.append(Question(scene=scene, prompt=_prompt(scene, rng)))
    return asked


def _prompt(scene: Scene, rng: np.random.Generator) -> str:
    """Return a caption that mentions everything that is checked, such as the time or the place."""
    while True:
        text = nonempty_caption(scene, rng)
        if isinstance(scene, Landscape):
            needed = (*TIME_WORDS[scene.time], *(STORM_WORDS[scene.time] if scene.storm else ()))
        else:
            needed = PLACE_WORDS if isinstance(scene, Objects) and scene.relation else ("",)
        if any(words in text for words in needed):
            return text


def _in_medium(rng: np.random.Generator, medium: str) -> Scene:
    return landscape(rng, medium) if rng.random() < 0.5 else single(rng, medium, SHAPES)


def _single_marks(question: Question, pixels: Array) -> dict[str, float]:
    scene = question.scene
    assert isinstance(scene, Objects)
    item, found = scene.items[0], things_in(pixels, 1)
    figures = {
        "colour": float(bool(found) and found[0].colour == item.colour),
        "shape": float(bool(found) and found[0].shape == item.kind),
    }
    if _says_background(question.prompt, scene.backdrop):
        figures["background"] = float(background_colour(pixels) == scene.backdrop)
    if not any(word in question.prompt for word in CORNER_WORDS):
        return figures
    near = bool(found) and abs(found[0].x - item.x) < 0.17 and abs(found[0].y - item.y) < 0.17
    return {**figures, "place": float(near)}


def _says_background(prompt: str, backdrop: str) -> bool:
    return "background" in prompt or any(f" on {word}" in prompt for word in COLOUR_WORDS[backdrop])


def _pair_scores(scene: Scene, pixels: Array) -> dict[str, float]:
    """Check for two things, one with more of the first colour than of the second, and one the other way round."""
    assert isinstance(scene, Objects)
    found = things_in(pixels, 2)
    one, other = (item.colour for item in scene.items)
    if len(found) < 2:
        return {"pair": 0.0}
    first, second = sorted(found, key=lambda seen: seen.shares[other] - seen.shares[one])
    if not (_is_of(first, one, other) and _is_of(second, other, one)):
        return {"pair": 0.0}
    apart = second.x - first.x if scene.relation == "left" else second.y - first.y
    name = "left and right" if scene.relation == "left" else "above and below"
    return {"pair": 1.0, name: float(apart > 0.1)}


def _is_of(seen: ImageAnalysis, colour: str, other: str) -> bool:
    """Return whether a thing has a colour, ignoring sails, stems and wheels, which always have their own."""
    return seen.shares[colour] >= max(OWN_SHARE, seen.shares[other])


def _view_marks(scene: Scene, pixels: Array) -> dict[str, float]:
    assert isinstance(scene, Landscape)
    return {"time of day": float(time_of_day(pixels) == scene.time)}


def _averaged(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}
