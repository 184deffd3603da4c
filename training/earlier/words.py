"""The words that the bundled model knows: those of its captions, without the ones that describe nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from training.rendering.mixes import NARROW, PAINTED, PAIRED, RICH, SCATTERED, WIDE
from training.rendering.random_scenes import draw_scene
from training.text.captions import nonempty_caption
from training.text.vocabulary import FLUFF

WORDS_FILE = "words.json"
_CAPTIONS = 1_500
_WORD = re.compile(r"[a-z]{2,}")
# Adjectives and words of style that people add to prompts; the model ignores them without harm.
_HARMLESS = """
amazing ancient antique atmospheric awesome bad bare blurry bold broken calm charming cheerful classic clean clear
cold colorful colourful cool crisp cropped cute dancing delicate deep detail details different distorted dry dusty
early elegant empty enchanted epic exciting fancy fast fine flying fresh friendly funny gentle giant good gorgeous
grand great happy hot hyperrealistic intricate late lively lonely long lovely low lush magical magic majestic mighty
minimal minimalist misty modern moody muted mysterious narrow neat new old ornate pale peaceful perfect playful poor
pretty quiet quick rare render rendered resolution rich rough rustic sad scenic serene shiny short silent sitting
sleeping slow smooth solitary splendid standing strange strong stunning stylized sweet swimming thick thin traditional
transparent ugly ultra unusual vast vivid walking warm weathered wild wonderful wooden worn young artistic aesthetic
"""


def model_words() -> dict[str, list[str]]:
    """Return the known words and the harmless ones, each in alphabetical order."""
    rng = np.random.default_rng(5)
    found: set[str] = set()
    for mix in (RICH, WIDE, NARROW, PAINTED, PAIRED, SCATTERED):
        for _ in range(_CAPTIONS):
            found.update(_WORD.findall(nonempty_caption(draw_scene(rng, mix), rng).lower()))
    fluff = {word for phrase in FLUFF for word in _WORD.findall(phrase)}
    small = {"an", "and", "at", "by", "during", "in", "next", "of", "on", "over", "some", "the", "to", "under", "with"}
    return {"known": sorted(found - fluff - small), "ignored": sorted({*fluff, *small, *_HARMLESS.split()})}


def write_words(folder: Path) -> None:
    """Write the words into the folder of the model."""
    text = json.dumps(model_words(), indent=1)
    (folder / WORDS_FILE).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_words(Path("invoke_cli/assets/sketchbook"))
