"""Compare how images were generated, side by side: the inputs, the steps aligned by noise level, and the results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from invoke_cli.imaging.sheets.captions import FAINT, caption
from invoke_cli.imaging.sheets.layout import (
    GAP,
    at_least,
    beside,
    captioned,
    captioned_row,
    empty,
    fitted,
    on_background,
    stack_vertically,
    table,
    with_margin,
)

COLUMN = 512
_FRAMES_PER_ROW = 5
_FRAMES_PER_BAND = 12
_BAND_CELL = 128
_SMALL = 11
_MIN_NOISE = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class Frames:
    """One stage's latent previews.

    Attributes:
        pictures: The previews, the first before any step.
        noise: The noise level of each: the noise's standard deviation divided by the image's; falling, 0 at the end.
    """

    previews: tuple[Image.Image, ...]
    noise: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedImage:
    """An image and the steps that led to it.

    Attributes:
        title: The caption.
        result: The finished image.
        init: The init image as the model received it.
        stages: The frames of each stage; empty if the steps are unknown.
    """

    title: str
    result: Image.Image
    init: Image.Image | None = None
    stages: tuple[Frames, ...] = ()


def aligned(rows: Sequence[Sequence[float]]) -> list[tuple[int | None, ...]]:
    """Align rows of frames by their falling noise levels.

    Frames share a column if they are closer to each other than half a step of their own rows.

    Args:
        rows: The noise levels of each row, falling.

    Returns:
        The columns: for each row the index of its frame there, or None. Each frame is in exactly one column.
    """
    heights = [[math.log(max(noise, _MIN_NOISE)) for noise in row] for row in rows]
    nexts = [0] * len(rows)
    slots: list[tuple[int | None, ...]] = []
    while any(position < len(row) for position, row in zip(nexts, heights, strict=True)):
        open_rows = [number for number, row in enumerate(heights) if nexts[number] < len(row)]
        noisiest = max(open_rows, key=lambda number: heights[number][nexts[number]])
        top = heights[noisiest][nexts[noisiest]]
        reach = _half_step(heights[noisiest], nexts[noisiest])
        slot: list[int | None] = [None] * len(rows)
        for number in open_rows:
            position = nexts[number]
            distance = top - heights[number][position]
            if distance == 0 or distance <= min(reach, _half_step(heights[number], position)):
                slot[number] = position
                nexts[number] += 1
        slots.append(tuple(slot))
    return slots


def evenly_filled(slots: Sequence[tuple[int | None, ...]]) -> list[tuple[int | None, ...]]:
    """Return aligned columns without so many that a row would be mostly empty, as that of a run of few steps would be.

    Columns are taken from the middle of the longest gaps of that row. The first and the last frame of each row remain.
    """
    kept, ends = list(slots), _ends(slots)
    while kept:
        fills = [sum(slot[row] is not None for slot in kept) for row in range(len(kept[0]))]
        emptiest = min((row for row, fill in enumerate(fills) if fill), key=lambda row: fills[row])
        removable = [index for index, slot in enumerate(kept) if slot[emptiest] is None and slot not in ends]
        if 2 * fills[emptiest] >= len(kept) or not removable:
            break
        del kept[_middle_of_longest_run(removable)]
    return kept


def _ends(slots: Sequence[tuple[int | None, ...]]) -> set[tuple[int | None, ...]]:
    """Return the columns with the first or the last frame of a row."""
    rows = [[slot for slot in slots if slot[row] is not None] for row in range(len(slots[0]) if slots else 0)]
    return {slot for row in rows if row for slot in (row[0], row[-1])}


def _middle_of_longest_run(indices: Sequence[int]) -> int:
    """Return the middle of the longest run of consecutive numbers."""
    runs: list[list[int]] = []
    for index in indices:
        if not runs or runs[-1][-1] != index - 1:
            runs.append([])
        runs[-1].append(index)
    longest = max(runs, key=len)
    return longest[len(longest) // 2]


def _half_step(row: Sequence[float], position: int) -> float:
    """Return half the distance from a frame to its nearer neighbour; infinite for a single frame."""
    steps = [row[n] - row[n + 1] for n in (position - 1, position) if 0 <= n < len(row) - 1]
    return min(steps, default=math.inf) / 2


def _title_row(stories: Sequence[ComparedImage]) -> list[Image.Image]:
    """Return the titles, all of the same height."""
    titles = [caption(story.title, COLUMN) for story in stories]
    height = max(title.height for title in titles)
    return [at_least(title, height) for title in titles]


def comparison(stories: Sequence[ComparedImage]) -> Image.Image:
    """Return a sheet with a column per image: its title, its inputs, its steps, and the result."""
    blocks = [_title_row(stories)]
    if any(story.init or story.stages for story in stories):
        blocks.append(list(map(_start, stories)))
    for number in range(max(len(story.stages) for story in stories)):
        blocks.append(_stage_in_columns(stories, number))
    tallest = max(_scaled_height(story.result) for story in stories)
    blocks.append([captioned(fitted(story.result, COLUMN, tallest), "result") for story in stories])
    columns = [stack_vertically(list(column)) for column in zip(*blocks, strict=True)]
    return with_margin(beside(columns, 4 * GAP))


def strips(stories: Sequence[ComparedImage]) -> Image.Image:
    """Return the images' steps in rows below each other, aligned by noise; long rows continue in a further band."""
    bands: list[Image.Image] = []
    for number in range(max(len(story.stages) for story in stories)):
        present = [story for story in stories if number < len(story.stages)]
        slots = evenly_filled(aligned([story.stages[number].noise for story in present]))
        for start in range(0, len(slots), _FRAMES_PER_BAND):
            part = slots[start : start + _FRAMES_PER_BAND]
            for index, story in enumerate(present):
                bands.append(caption(story.title, _FRAMES_PER_BAND * (_BAND_CELL + GAP)) if start == 0 else _rule())
                bands.append(beside(_cells(story, number, [slot[index] for slot in part], _BAND_CELL)))
    return with_margin(stack_vertically(bands))


def _rule() -> Image.Image:
    return Image.new("RGB", (_FRAMES_PER_BAND * (_BAND_CELL + GAP), 1), FAINT)


def _start(story: ComparedImage) -> Image.Image:
    """Return the init image as the model received it, beside the first latents."""
    side = (COLUMN - GAP) // 2
    init = fitted(story.init, side, side) if story.init is not None else empty(side, side)
    first = story.stages[0].previews[0] if story.stages else None
    first_latents = _enlarged(first, side) if first is not None else empty(side, side)
    texts = ("init image" if story.init is not None else "no init image", "what the model sees first")
    return beside(captioned_row([init, first_latents], texts))


def _stage_in_columns(stories: Sequence[ComparedImage], number: int) -> list[Image.Image]:
    """Return each image's steps of one stage as a small table; the same cell has the same noise level in all."""
    present = [story.stages[number].noise if number < len(story.stages) else () for story in stories]
    slots = evenly_filled(aligned(present))
    side = (COLUMN - (_FRAMES_PER_ROW - 1) * GAP) // _FRAMES_PER_ROW
    columns = []
    for index, story in enumerate(stories):
        cells = _cells(story, number, [slot[index] for slot in slots], side)
        columns.append(table(cells, _FRAMES_PER_ROW) if cells else empty(COLUMN, side))
    return columns


def _cells(story: ComparedImage, number: int, slots: Sequence[int | None], side: int) -> list[Image.Image]:
    """Return the frames of a stage in their columns, each below its step and noise level."""
    if number >= len(story.stages):
        return [captioned(empty(side, side), " \n ", _SMALL) for _ in slots]
    frames = story.stages[number]
    cells = []
    for slot in slots:
        if slot is None:
            cells.append(captioned(empty(side, side), " \n ", _SMALL))
        else:
            step = f"step {slot} of {len(frames.noise) - 1}" if slot else "start"
            cells.append(
                captioned(_enlarged(frames.previews[slot], side), f"{step}\nnoise {frames.noise[slot]:.2f}", _SMALL)
            )
    return cells


def _enlarged(frame: Image.Image, side: int) -> Image.Image:
    """Enlarge a latent preview smoothly, centred in a square."""
    scale = side / max(frame.size)
    size = (max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
    return on_background(frame.resize(size, Image.Resampling.BILINEAR), side, side)


def _scaled_height(image: Image.Image) -> int:
    return max(1, min(2 * COLUMN, round(image.height * COLUMN / image.width)))
