"""Pictures as terminal text: what is written reads back to the picture, and is painted where it belongs."""

from __future__ import annotations

import numpy as np
import pyte
import pytest
from PIL import Image

from invoke_cli.console.half_blocks import draw_blocks
from invoke_cli.console.image_viewer import DRAWERS, cells_for
from invoke_cli.console.iterm import draw_iterm
from invoke_cli.console.kitty import NUMBERS, draw_kitty
from invoke_cli.console.rendered_image import RenderedImage
from invoke_cli.console.sixel import draw_sixel
from invoke_cli.console.terminal import PALETTE, Terminal, Window
from invoke_cli.language.switches.rows.output import PREVIEWS
from tests.graphics_decoders import from_half_blocks, from_iterm, from_kitty, from_sixels
from tests.sample_images import drawing

TERMINAL = Terminal(cell=(7, 13))
_LEVELS = (0, 95, 135, 175, 215, 255)


def test_half_blocks_read_back_to_the_picture() -> None:
    image = drawing(24, 16)
    drawn = draw_blocks(image, 24, 8, TERMINAL)
    assert np.array_equal(from_half_blocks([*drawn.lines]), np.asarray(image))


def test_half_blocks_of_256_colours_are_the_nearest() -> None:
    image = drawing(24, 16)
    found = from_half_blocks([*draw_blocks(image, 24, 8, Terminal(colours=PALETTE)).lines]).astype(int)
    palette = [(r, g, b) for r in _LEVELS for g in _LEVELS for b in _LEVELS] + [(8 + 10 * n,) * 3 for n in range(24)]
    distances = ((np.asarray(image).astype(int)[..., None, :] - np.array(palette)) ** 2).sum(axis=-1)
    assert np.array_equal(((np.asarray(image) - found) ** 2).sum(axis=-1), distances.min(axis=-1))


def test_kitty_and_iterm_read_back_exactly() -> None:
    image = drawing(96, 64)
    drawn = draw_kitty(image, 30, 10, TERMINAL, 300)
    about, found = from_kitty(drawn.before)
    assert found.tobytes() == image.tobytes()
    assert (about["c"], about["r"], about["U"], about["a"], about["f"]) == ("30", "10", "1", "T", "100")
    assert [line.count("\U0010eeee") for line in drawn.lines] == [30] * 10
    iterm = draw_iterm(image, 30, 10, TERMINAL)
    about, found = from_iterm(iterm.image)
    assert found.tobytes() == image.tobytes() and (about["width"], about["height"]) == ("30", "10")


@pytest.mark.parametrize("number", [0, 254, 255, 256, NUMBERS - 1])
def test_the_places_of_a_kitty_picture_name_it(number: int) -> None:
    drawn = draw_kitty(drawing(), 3, 2, TERMINAL, number)
    identity = int(from_kitty(drawn.before)[0]["i"])
    high = {0: "\u0305", 1: "\u030d", 34: "\u0487"}[identity >> 24]
    place = "\U0010eeee"
    assert drawn.lines[1] == f"\x1b[38;5;{identity & 255}m{place}\u030d\u0305{high}{place}{place}\x1b[39m"


def test_sixels_read_back_within_their_palette() -> None:
    image = drawing(96, 64)
    drawn = draw_sixel(image, 12, 5, TERMINAL)
    found, registers = from_sixels(drawn.image)
    assert found.shape == (5 * 13 // 6 * 6, 12 * 7, 3) and len(registers) <= 64
    sized = np.asarray(image.resize((84, 60), Image.Resampling.BILINEAR)).astype(int)
    difference = np.abs(found.astype(int) - sized)
    assert difference.mean() < 16 and np.percentile(difference, 99) < 40  # 64 colours for a picture of thousands
    # A picture of few colours loses nothing but the rounding of a palette that counts in percent.
    plain = Image.new("RGB", (84, 60), (200, 30, 90))
    plain.paste((5, 5, 250), (0, 0, 40, 31))
    few, _ = from_sixels(draw_sixel(plain, 12, 5, TERMINAL).image)
    assert np.abs(few.astype(int) - np.asarray(plain)).max() <= 2


@pytest.mark.parametrize("kind", sorted(DRAWERS))
def test_every_kind_is_offered_and_is_one_line_of_text_for_the_prompt(kind: str) -> None:
    assert set(PREVIEWS) == {"off", "auto", *DRAWERS}
    drawn = DRAWERS[kind](drawing(), 10, 4, TERMINAL, 0)
    assert "\n" not in drawn.painted and bool(drawn.lines) != bool(drawn.image)


def test_graphics_go_through_tmux_in_its_envelope() -> None:
    wrapped = Terminal(wrapped=True)
    for text in (draw_kitty(drawing(200, 200), 4, 2, wrapped).before, draw_iterm(drawing(), 4, 2, wrapped).image):
        assert text.startswith("\x1bPtmux;\x1b\x1b")
        inner = "".join(part.removesuffix("\x1b\\") for part in text.split("\x1bPtmux;")[1:]).replace(
            "\x1b\x1b", "\x1b"
        )
        _, found = from_kitty(inner) if inner.startswith("\x1b_G") else from_iterm(inner)
        assert found.size in ((200, 200), (96, 64))


# -- where it is painted ----------------------------------------------------------------------------------------------


def screen_of(text: str, rows: int = 12) -> list[str]:
    """What a terminal of 20 columns shows after this text."""
    screen = pyte.Screen(20, rows)
    pyte.Stream(screen).feed(text.replace("\n", "\r\n"))
    return [line.rstrip() for line in screen.display]


@pytest.mark.parametrize("above", [0, 5, 11])
def test_a_picture_is_painted_in_its_area_at_any_place_of_the_screen(above: int) -> None:
    drawn = draw_blocks(drawing(), 6, 4, TERMINAL)
    head = "".join(f"line {number}\n" for number in range(above))
    printed = screen_of(f"{head}{drawn.printed}next")
    painted = screen_of(f"{head}{drawn.reserved}{drawn.painted}{drawn.painted}\x1b[4Bnext")
    expected = [*(f"line {number}" for number in range(above)), *["▀" * 6] * 4, "next"][-12:]
    assert [line for line in printed if line] == [line for line in painted if line] == expected


def test_an_image_is_printed_from_the_upper_left_of_room_that_was_made_for_it() -> None:
    drawn = RenderedImage(columns=4, rows=3, image="IMAGE")
    assert screen_of(f"before\n{drawn.printed}after")[:5] == ["before", "IMAGE", "", "", "after"]


def test_pictures_keep_their_aspect_within_half_the_window() -> None:
    wide = Terminal(window=Window(columns=100, rows=30))
    assert cells_for(256, 256, wide, (10, 20)) == (26, 13)
    assert cells_for(1024, 256, wide, (10, 20)) == (64, 8)
    assert cells_for(64, 640, wide, (10, 20)) == (3, 13)
    assert cells_for(256, 256, Terminal(window=Window(columns=12, rows=8)), (10, 20)) == (4, 2)
