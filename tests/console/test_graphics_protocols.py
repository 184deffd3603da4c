"""Images in terminal graphics: the sequences decode to the image, and are painted in the right place."""

from __future__ import annotations

import numpy as np
import pyte
import pytest
from PIL import Image

from invoke_cli.console.half_blocks import render_blocks
from invoke_cli.console.image_viewer import RENDERERS, cells_for, most_cells
from invoke_cli.console.iterm import render_iterm
from invoke_cli.console.kitty import NUMBERS, render_kitty
from invoke_cli.console.rendered_image import RenderedImage
from invoke_cli.console.sixel import render_sixel
from invoke_cli.console.terminal import PALETTE, Terminal, Window
from invoke_cli.language.switches.rows.output import PREVIEWS
from tests.graphics_decoders import from_half_blocks, from_iterm, from_kitty, from_sixels
from tests.sample_images import drawing

TERMINAL = Terminal(cell=(7, 13))
_LEVELS = (0, 95, 135, 175, 215, 255)


def test_half_blocks_decode_to_the_image() -> None:
    image = drawing(24, 16)
    rendered = render_blocks(image, 24, 8, TERMINAL)
    assert np.array_equal(from_half_blocks([*rendered.lines]), np.asarray(image))


def test_half_blocks_of_256_colours_use_the_nearest_colour() -> None:
    image = drawing(24, 16)
    found = from_half_blocks([*render_blocks(image, 24, 8, Terminal(colours=PALETTE)).lines]).astype(int)
    palette = [(r, g, b) for r in _LEVELS for g in _LEVELS for b in _LEVELS] + [(8 + 10 * n,) * 3 for n in range(24)]
    distances = ((np.asarray(image).astype(int)[..., None, :] - np.array(palette)) ** 2).sum(axis=-1)
    assert np.array_equal(((np.asarray(image) - found) ** 2).sum(axis=-1), distances.min(axis=-1))


def test_kitty_and_iterm_decode_exactly() -> None:
    image = drawing(96, 64)
    rendered = render_kitty(image, 30, 10, TERMINAL, 300)
    about, found = from_kitty(rendered.before)
    assert found.tobytes() == image.tobytes()
    assert (about["c"], about["r"], about["U"], about["a"], about["f"]) == ("30", "10", "1", "T", "100")
    assert [line.count("\U0010eeee") for line in rendered.lines] == [30] * 10
    iterm = render_iterm(image, 30, 10, TERMINAL)
    about, found = from_iterm(iterm.image)
    assert found.tobytes() == image.tobytes() and (about["width"], about["height"]) == ("30", "10")


@pytest.mark.parametrize("number", [0, 254, 255, 256, NUMBERS - 1])
def test_kitty_placeholders_encode_the_image_number(number: int) -> None:
    rendered = render_kitty(drawing(), 3, 2, TERMINAL, number)
    identity = int(from_kitty(rendered.before)[0]["i"])
    high = {0: "\u0305", 1: "\u030d", 34: "\u0487"}[identity >> 24]
    place = "\U0010eeee"
    assert rendered.lines[1] == f"\x1b[38;5;{identity & 255}m{place}\u030d\u0305{high}{place}{place}\x1b[39m"


def test_sixels_decode_within_the_error_of_their_palette() -> None:
    image = drawing(96, 64)
    rendered = render_sixel(image, 12, 5, TERMINAL)
    found, registers = from_sixels(rendered.image)
    assert found.shape == (5 * 13 // 6 * 6, 12 * 7, 3) and len(registers) <= 64
    sized = np.asarray(image.resize((84, 60), Image.Resampling.BILINEAR)).astype(int)
    difference = np.abs(found.astype(int) - sized)
    assert difference.mean() < 16 and np.percentile(difference, 99) < 40  # 64 colours for an image of thousands
    # An image of few colours loses only the rounding of a palette in percent.
    plain = Image.new("RGB", (84, 60), (200, 30, 90))
    plain.paste((5, 5, 250), (0, 0, 40, 31))
    few, _ = from_sixels(render_sixel(plain, 12, 5, TERMINAL).image)
    assert np.abs(few.astype(int) - np.asarray(plain)).max() <= 2


@pytest.mark.parametrize("kind", sorted(RENDERERS))
def test_every_protocol_is_a_preview_choice_and_paints_without_line_breaks(kind: str) -> None:
    assert set(PREVIEWS) == {"off", "auto", *RENDERERS}
    rendered = RENDERERS[kind](drawing(), 10, 4, TERMINAL, 0)
    assert "\n" not in rendered.overlay and bool(rendered.lines) != bool(rendered.image)


def test_graphics_in_tmux_are_wrapped_in_its_passthrough() -> None:
    wrapped = Terminal(wrapped=True)
    for text in (render_kitty(drawing(200, 200), 4, 2, wrapped).before, render_iterm(drawing(), 4, 2, wrapped).image):
        assert text.startswith("\x1bPtmux;\x1b\x1b")
        inner = "".join(part.removesuffix("\x1b\\") for part in text.split("\x1bPtmux;")[1:]).replace(
            "\x1b\x1b", "\x1b"
        )
        _, found = from_kitty(inner) if inner.startswith("\x1b_G") else from_iterm(inner)
        assert found.size in ((200, 200), (96, 64))


# -- where it is painted ----------------------------------------------------------------------------------------------


def screen_of(text: str, rows: int = 12) -> list[str]:
    """Return the lines that a terminal of 20 columns shows after this text."""
    screen = pyte.Screen(20, rows)
    pyte.Stream(screen).feed(text.replace("\n", "\r\n"))
    return [line.rstrip() for line in screen.display]


@pytest.mark.parametrize("above", [0, 5, 11])
def test_an_image_is_painted_in_its_area_anywhere_on_the_screen(above: int) -> None:
    rendered = render_blocks(drawing(), 6, 4, TERMINAL)
    head = "".join(f"line {number}\n" for number in range(above))
    printed = screen_of(f"{head}{rendered.printed}next")
    overlay = screen_of(f"{head}{rendered.reserved}{rendered.overlay}{rendered.overlay}\x1b[4Bnext")
    expected = [*(f"line {number}" for number in range(above)), *["▀" * 6] * 4, "next"][-12:]
    assert [line for line in printed if line] == [line for line in overlay if line] == expected


def test_a_printed_image_starts_at_the_top_left_of_its_reserved_lines() -> None:
    rendered = RenderedImage(columns=4, rows=3, image="IMAGE")
    assert screen_of(f"before\n{rendered.printed}after")[:5] == ["before", "IMAGE", "", "", "after"]


def test_images_keep_their_aspect_within_half_the_window() -> None:
    wide = most_cells(Window(columns=100, rows=30), is_text=False)
    assert cells_for(256, 256, wide, (10, 20)) == (26, 13)
    assert cells_for(1024, 256, wide, (10, 20)) == (64, 8)
    assert cells_for(64, 640, wide, (10, 20)) == (3, 13)
    assert cells_for(256, 256, most_cells(Window(columns=12, rows=8), is_text=False), (10, 20)) == (4, 2)


@pytest.mark.parametrize(
    ("columns", "rows", "cells"), [(80, 24, (24, 12)), (100, 44, (64, 32)), (40, 60, (38, 19)), (12, 8, (4, 2))]
)
def test_half_blocks_use_what_the_prompt_leaves(columns: int, rows: int, cells: tuple[int, int]) -> None:
    assert cells_for(256, 256, most_cells(Window(columns=columns, rows=rows), is_text=True), (1, 2)) == cells
