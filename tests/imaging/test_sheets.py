"""Contact sheets, strips and charts: alignment by noise, captions, bars."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from invoke_cli.commands.images.plot import strength_bars
from invoke_cli.imaging.sheets.captions import BACKGROUND, FAINT, INK, caption, font_for, length, wrapped
from invoke_cli.imaging.sheets.comparison import aligned, evenly_filled
from invoke_cli.imaging.sheets.grids import CONTACT_GAP, captioned_grid, contact_sheet, strip
from invoke_cli.imaging.sheets.line_chart import BOTTOM, Axes, Series, line_chart
from invoke_cli.imaging.sheets.plot import across, chart, chart_text
from invoke_cli.metadata.sheet_record import SheetImage, SheetRecord, decode_sheet, encode_sheet


def schedule(steps: int) -> list[float]:
    """Return falling noise levels, ending with 0, as samplers use them."""
    return [*np.geomspace(14.0, 0.03, steps), 0.0]


@pytest.mark.feature("compare-strips")
def test_strips_are_aligned_by_noise_level_and_not_by_index() -> None:
    whole, late = schedule(10), schedule(10)[4:]
    assert [place[1] for place in aligned([whole, late])] == [None] * 4 + list(range(7))
    coarse = whole[::2]
    assert [place for place in aligned([whole, coarse]) if place[1] is not None] == [(2 * n, n) for n in range(6)]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=4))
@settings(max_examples=60)
def test_every_frame_has_one_column_in_order_of_noise(counts: list[int]) -> None:
    places = aligned([schedule(count) for count in counts])
    for row, count in enumerate(counts):
        assert [place[row] for place in places if place[row] is not None] == list(range(count + 1))
    shared = [[schedule(counts[row])[n] for row, n in enumerate(place) if n is not None] for place in places]
    tops = [max(noise) for noise in shared]
    assert tops == sorted(tops, reverse=True)


@pytest.mark.feature("compare-settings")
@pytest.mark.parametrize("counts", [(4, 50), (50, 4), (3, 40, 20), (1, 30), (7, 6), (10, 10)])
def test_no_row_of_a_comparison_is_mostly_empty(counts: tuple[int, ...]) -> None:
    slots = aligned([schedule(count) for count in counts])
    kept = evenly_filled(slots)
    assert [slot for slot in slots if slot in kept] == kept, "in the same order"
    for row, count in enumerate(counts):
        shown = [slot[row] for slot in kept if slot[row] is not None]
        assert 2 * len(shown) >= len(kept) and shown[0] == 0 and shown[-1] == count, "with the first and the last"
    shortest = counts.index(min(counts))
    assert sum(slot[shortest] is not None for slot in kept) == counts[shortest] + 1, "the shortest is complete"


def test_a_row_that_begins_late_is_still_aligned() -> None:
    slots = aligned([schedule(10), schedule(10)[4:]])
    assert evenly_filled(slots) == slots


@pytest.mark.parametrize("width", [40, 128, 512])
@pytest.mark.parametrize("size", [11, 14])
def test_captions_wrap_and_are_never_clipped(width: int, size: int) -> None:
    text = "a_very_long_name_without_any_blank_in_it.png and -I sketch.png -f 0.7"
    lines = wrapped(text, width, size)
    assert all(length(line, font_for(line, size)) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    pixels = np.asarray(caption(text, width, size)).astype(int)
    edges = [pixels[:, 0], pixels[:, -1], pixels[0], pixels[-1]]
    assert all(np.array_equal(edge, np.broadcast_to(BACKGROUND, edge.shape)) for edge in edges)


def test_characters_without_a_glyph_are_shown_as_code_points() -> None:
    assert wrapped("a \U000f0123 b", 400) == ["a <F0123> b"]


@pytest.mark.parametrize("colour", ["white", "black"])
def test_labels_are_legible_on_black_and_white_images(colour: str) -> None:
    image = Image.new("RGB", (96, 64), colour)
    for sheet in (
        captioned_grid([image] * 2, ["before", "after"]),
        contact_sheet([image] * 3, ["a", "b", "c"], "three"),
        strip([image.resize((12, 8))] * 3, ["start", "step 1 of 2", "step 2 of 2"], image),
    ):
        top = np.asarray(sheet)[:18].reshape(-1, 3).astype(int)
        light, dark = np.abs(top - INK).sum(axis=1).min(), np.abs(top - BACKGROUND).sum(axis=1).min()
        assert light < 60 and dark == 0


def test_the_strength_chart_has_one_bar_per_strength() -> None:
    bars = strength_bars(50)
    assert len(bars) == 11
    assert [(bar.begin, bar.end - bar.begin) for bar in bars if bar.label == "0.8"] == [(10, 40)]
    lines = chart_text(bars, 50).splitlines()
    assert lines[2] == " 0.8 |" + "." * 10 + "#" * 40 + "| 40 of 50, from 10"
    assert len(lines) == 12 and lines[-1].split() == ["0", "50"]
    image = np.asarray(chart(bars, "title", ("x", "y"), 50)).astype(int)
    row = image[60 + round(2.5 * 470 / 11)]
    blue = [x for x in range(across(0, 50) + 1, across(50, 50)) if row[x][2] > 200]
    assert (blue[0], blue[-1]) == (across(10, 50), across(50, 50) - 1)


@pytest.mark.feature("contact-sheet")
@pytest.mark.parametrize("size", [(512, 512), (256, 192), (512, 1024), (96, 64), (1024, 300)])
def test_text_of_a_contact_sheet_is_never_wider_than_its_image(size: tuple[int, int]) -> None:
    text = "000017.1592514025.png\n-s 30 -S 1592514025 -I a_rather_long_name_of_a_sketch.png -f 0.75"
    image = Image.new("RGB", size, "white")
    plain, captioned = (np.asarray(contact_sheet([image] * 2, [each] * 2, "two")).astype(int) for each in ("", text))
    white = np.argwhere((captioned == 255).all(axis=-1))
    bottom, left, right = white[:, 0].max(), white[:, 1].min(), white[:, 1].max()
    between = np.flatnonzero(~(captioned[bottom] == 255).all(axis=-1))
    inner = between[(between > left) & (between < right)]
    below = np.abs(captioned[bottom + 2 :] - BACKGROUND).sum(axis=-1) > 30
    assert below.any() and captioned.shape[0] > plain.shape[0] and captioned.shape[1] == plain.shape[1]
    assert not below[:, : left - 1].any() and not below[:, right + 2 :].any()
    assert not below[:, inner[1] : inner[-1]].any(), "nothing is written between the images"


@pytest.mark.feature("contact-sheet")
def test_the_columns_of_a_contact_sheet_are_as_wide_as_their_widest_image() -> None:
    wide, high = Image.new("RGB", (200, 100), "white"), Image.new("RGB", (150, 200), "white")
    sheet = contact_sheet([wide, high] * 3 + [wide], ["a"] * 7, "seven")
    assert sheet.width == 2 * CONTACT_GAP + 3 * 200 + 3 * 150 + 5 * CONTACT_GAP


def test_a_line_chart_has_a_point_at_each_value_and_a_tick_below_it() -> None:
    points = ((0.15, 10.0), (0.4, 30.0), (1.0, 55.0))
    found = np.asarray(line_chart([Series(label="", points=points)], "title", "strength", (700, 420))).astype(int)
    axes = Axes(width=700, height=420, most_x=1.0, most_y=60.0)
    for x, y in points:
        across, down = axes.place(x, y)
        assert tuple(found[down, across]) == (94, 160, 220)
        assert tuple(found[420 - BOTTOM + 4, across]) == FAINT
    ticks = [x for x in range(700) if tuple(found[420 - BOTTOM + 4, x]) == FAINT]
    assert len(ticks) == 3
    flat = line_chart([Series(label="a", points=((0.1, 0.0),)), Series(label="b", points=())], "t", "x", (300, 200))
    assert flat.height > 200, "several lines have a legend"


def test_decode_sheet_undoes_encode_sheet() -> None:
    record = SheetRecord(kind="grid", line="!grid a.png", shows=(SheetImage(name="a.png", sha256="00", line="a cat"),))
    assert decode_sheet(encode_sheet(record)) == record
    for damaged in ("", "[]", "{}", '{"kind": 1, "line": "", "shows": [1]}', '{"shows": [{"x": 1}]}'):
        assert decode_sheet({"invoke-sheet": damaged}) is None
