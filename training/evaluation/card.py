"""The model card: what the model knows, how well it draws it, how it was trained, and the licences."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from string import Template
from typing import Any

from training.pictures.packages import EMOJIBASE, PACKAGES
from training.pictures.things import things

# The rows of the table of figures: table and question of a report, and what it says.
FIGURES = (
    ("things", "thing", "things recognised, of all"),
    ("things", "thing within five", "the same within the likeliest five"),
    ("first tried", "thing", "of those that people would try first"),
    ("backdrops", "backdrop", "background as asked"),
    ("places", "place", "place as asked, in combinations not trained on"),
    ("places", "thing", "thing in such a place"),
    ("recoloured", "colour", "colour of a recoloured thing, not trained on"),
    ("pairs", "both", "both of a pair not trained on"),
    ("numbers", "both", "two or three of one"),
    ("media", "medium", "medium"),
)
_CARD = Template("""---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-image
---

# Sketchbook

A very small Stable Diffusion that comes with `invoke`, so that a fresh machine makes real pictures at once, without
a download. It draws $count things in a soft three-dimensional look, on plain backgrounds and in places, alone, in
pairs, two or three of one, in their own colours or one of twelve; six plain shapes; landscapes at all times of the
day and the year; fires; as they are, or as a photograph, an oil painting, a watercolor, a pencil sketch, pixel art,
neon or a sticker. It knows nothing else. For anything else, get a large model.

![What it draws](sheet.jpg)

## What it knows

$known

Places: on a hill, in a meadow, on the beach, in the snow, in the desert, in the mountains, in a city, in a forest,
on the moon, on a table, in the sea, under water, in the sky, in space; by day, at sunset, at night, in the rain.

## How well

$figures

An eye, a small network, judged the pictures: $eye. The combinations of pairs, places and colours were kept out of
training.

## How it was trained, and on what

On pictures that `training/` composes from drawings with free licences, and on scenes that it draws itself: no
photograph, no artist's work beyond these, no scraped text. The captions come from a grammar. `docs/training.md`
tells how to repeat it.

$licences

The file `NOTICE` has the licences in full. The weights are under Apache-2.0, like the project that made them.

## Limits

- Best at 256 x 256; usable from 128 to 512 on a side.
- Words outside its vocabulary can be typed, but they mean nothing to it.
- No text, no counting beyond three, no people but a few figures. Things in combinations may mix.
- The autoencoder keeps outlines and colours of other pictures, not their fine detail.
""")


def model_card(report: Path | None) -> str:
    """Return the card. Without a report of an evaluation it says that nothing has been measured."""
    known: dict[str, Any] = json.loads(report.read_text(encoding="utf-8")) if report else {}
    return _CARD.substitute(
        count=len(things()),
        known=_known(),
        figures=_figures(known),
        eye=_eye(known.get("eye", {})),
        licences=_licences(),
    )


def _known() -> str:
    groups = groupby(sorted(things(), key=lambda thing: thing.group), key=lambda thing: thing.group)
    return "\n\n".join(f"**{name}**: {', '.join(thing.names[0] for thing in group)}." for name, group in groups)


def _figures(known: dict[str, Any]) -> str:
    if not known:
        return "Not measured yet."
    rows = [
        f"| {words} | {known['figures'][table][question]:.1%} |"
        for table, question, words in FIGURES
        if question in known["figures"].get(table, {})
    ]
    heading = f"| at {known['side']} px, guidance {known['guidance']}, {known['seeds']} seeds | right |"
    return "\n".join([heading, "| --- | --- |", *rows])


def _eye(shares: dict[str, float]) -> str:
    said = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
    return f"on rendered pictures that it had never seen it is right in {said}" if said else "it is not examined yet"


def _licences() -> str:
    rows = [
        f"| `{package.name}` {package.version} | {package.licence} | {package.authors} |"
        for package in PACKAGES
        if package is not EMOJIBASE
    ]
    return "\n".join(["| pictures | licence | made by |", "| --- | --- | --- |", *rows])
