"""How pictures came to be, beside each other: what the model began with, its steps aligned by noise, the results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from invoke_cli.imaging.sheets.layout import (
    GAP,
    at_least,
    beside,
    captioned,
    captioned_row,
    empty,
    fitted,
    on_paper,
    stacked,
    table,
    with_margin,
)
from invoke_cli.imaging.sheets.lettering import FAINT, caption

COLUMN = 512
_IN_COLUMN = 5
_IN_BAND = 12
_BAND_CELL = 128
_SMALL = 11
_LEAST_NOISE = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class Frames:
    """One stage's pictures of the latents, the first before any step, and how much noise is in each: the standard
    deviation of the noise over that of the picture, falling, 0 at the end.
    """

    pictures: tuple[Image.Image, ...]
    noise: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """A picture and how it came to be. `init` is the init image as the model got it; `stages` is empty when nothing is
    known of the steps.
    """

    title: str
    result: Image.Image
    init: Image.Image | None = None
    stages: tuple[Frames, ...] = ()


def aligned(rows: Sequence[Sequence[float]]) -> list[tuple[int | None, ...]]:
    """Places for frames of falling noise: in each, for each row, the frame that belongs there or None.

    Each frame has one place; frames share it when they are nearer to each other than half a step of their own rows.
    """
    heights = [[math.log(max(noise, _LEAST_NOISE)) for noise in row] for row in rows]
    nexts = [0] * len(rows)
    places: list[tuple[int | None, ...]] = []
    while any(position < len(row) for position, row in zip(nexts, heights, strict=True)):
        open_rows = [number for number, row in enumerate(heights) if nexts[number] < len(row)]
        leader = max(open_rows, key=lambda number: heights[number][nexts[number]])
        top = heights[leader][nexts[leader]]
        reach = _half_step(heights[leader], nexts[leader])
        place: list[int | None] = [None] * len(rows)
        for number in open_rows:
            position = nexts[number]
            distance = top - heights[number][position]
            if distance == 0 or distance <= min(reach, _half_step(heights[number], position)):
                place[number] = position
                nexts[number] += 1
        places.append(tuple(place))
    return places


def _half_step(row: Sequence[float], position: int) -> float:
    """Half the way from a frame to its nearer neighbour; none after the last."""
    steps = [row[n] - row[n + 1] for n in (position - 1, position) if 0 <= n < len(row) - 1]
    return min(steps, default=math.inf) / 2


def comparison(stories: Sequence[Story]) -> Image.Image:
    """A column for each picture: its title, what the model began with, its steps, and the result."""
    titles = [caption(story.title, COLUMN) for story in stories]
    height = max(title.height for title in titles)
    tops = [at_least(title, height) for title in titles]
    starts = [_start(story) for story in stories]
    blocks = [tops, starts] if any(story.init or story.stages for story in stories) else [tops]
    for number in range(max(len(story.stages) for story in stories)):
        blocks.append(_stage_in_columns(stories, number))
    tallest = max(_scaled_height(story.result) for story in stories)
    blocks.append([captioned(fitted(story.result, COLUMN, tallest), "result") for story in stories])
    columns = [stacked(list(column)) for column in zip(*blocks, strict=True)]
    return with_margin(beside(columns, 4 * GAP))


def strips(stories: Sequence[Story]) -> Image.Image:
    """The strips below each other, frames of like noise below each other; long ones go on in a further band."""
    bands: list[Image.Image] = []
    for number in range(max(len(story.stages) for story in stories)):
        told = [story for story in stories if number < len(story.stages)]
        places = aligned([story.stages[number].noise for story in told])
        for start in range(0, len(places), _IN_BAND):
            part = places[start : start + _IN_BAND]
            for index, story in enumerate(told):
                bands.append(caption(story.title, _IN_BAND * (_BAND_CELL + GAP)) if start == 0 else _rule())
                bands.append(beside(_cells(story, number, [place[index] for place in part], _BAND_CELL)))
    return with_margin(stacked(bands))


def _rule() -> Image.Image:
    return Image.new("RGB", (_IN_BAND * (_BAND_CELL + GAP), 1), FAINT)


def _start(story: Story) -> Image.Image:
    """The init image as the model got it, and beside it what the model saw first."""
    side = (COLUMN - GAP) // 2
    init = fitted(story.init, side, side) if story.init is not None else empty(side, side)
    first = story.stages[0].pictures[0] if story.stages else None
    seen = _enlarged(first, side) if first is not None else empty(side, side)
    texts = ("init image" if story.init is not None else "no init image", "what the model sees first")
    return beside(captioned_row([init, seen], texts))


def _stage_in_columns(stories: Sequence[Story], number: int) -> list[Image.Image]:
    """A stage's steps of each picture, as small tables whose places mean the same noise in all."""
    told = [story.stages[number].noise if number < len(story.stages) else () for story in stories]
    places = aligned(told)
    side = (COLUMN - (_IN_COLUMN - 1) * GAP) // _IN_COLUMN
    columns = []
    for index, story in enumerate(stories):
        cells = _cells(story, number, [place[index] for place in places], side)
        columns.append(table(cells, _IN_COLUMN) if cells else empty(COLUMN, side))
    return columns


def _cells(story: Story, number: int, places: Sequence[int | None], side: int) -> list[Image.Image]:
    """The frames of a stage in their places, each under its step and its noise."""
    if number >= len(story.stages):
        return [captioned(empty(side, side), " \n ", _SMALL) for _ in places]
    frames = story.stages[number]
    cells = []
    for place in places:
        if place is None:
            cells.append(captioned(empty(side, side), " \n ", _SMALL))
        else:
            step = f"step {place} of {len(frames.noise) - 1}" if place else "start"
            cells.append(
                captioned(_enlarged(frames.pictures[place], side), f"{step}\nnoise {frames.noise[place]:.2f}", _SMALL)
            )
    return cells


def _enlarged(frame: Image.Image, side: int) -> Image.Image:
    """A small picture of latents, soft rather than in blocks, in the middle of a square."""
    scale = side / max(frame.size)
    size = (max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
    return on_paper(frame.resize(size, Image.Resampling.BILINEAR), side, side)


def _scaled_height(picture: Image.Image) -> int:
    return max(1, min(2 * COLUMN, round(picture.height * COLUMN / picture.width)))
