"""Decoders of terminal graphics, written from the protocols' descriptions, without code of the program."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def from_kitty(text: str) -> tuple[dict[str, str], Image.Image]:
    """Return the first chunk's keys and the PNG in all chunks."""
    chunks = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert all(len(payload) <= 4096 and len(payload) % 4 == 0 for _, payload in chunks)
    keys = [dict(pair.split("=") for pair in about.split(",")) for about, _ in chunks]
    assert [key["m"] for key in keys] == ["1"] * (len(keys) - 1) + ["0"]
    return keys[0], _png("".join(payload for _, payload in chunks))


def from_iterm(text: str) -> tuple[dict[str, str], Image.Image]:
    """Return the arguments and the image of one inline file."""
    found = re.fullmatch(r"\x1b\]1337;File=([^:]*):([A-Za-z0-9+/=]*)\x07", text)
    assert found is not None
    about = dict(pair.split("=") for pair in found[1].split(";"))
    assert int(about["size"]) == len(base64.b64decode(found[2]))
    return about, _png(found[2])


def from_sixels(text: str) -> tuple[Pixels, set[int]]:
    """Return the pixels of a sixel sequence and its colour registers. Every pixel must be painted."""
    found = re.fullmatch(r'\x1bP[\d;]*q"1;1;(\d+);(\d+)(.*)\x1b\\', text, re.DOTALL)
    assert found is not None
    width, height = int(found[1]), int(found[2])
    canvas = np.full((height, width), -1)
    colours: dict[int, tuple[int, ...]] = {}
    column = top = register = 0
    for sign in re.finditer(r"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)([?-~])|([?-~])|(\$)|(-)", found[3]):
        number, red, green, blue, run, run_of, one, back, next_band = sign.groups()
        if red is not None:
            colours[int(number)] = tuple(round(int(part) * 255 / 100) for part in (red, green, blue))
        elif number is not None:
            register = int(number)
        elif back or next_band:
            column, top = 0, top + (6 if next_band else 0)
        else:
            bits = ord(run_of or one) - 63
            for row in range(6):
                if bits >> row & 1:
                    canvas[top + row, column : column + int(run or 1)] = register
            column += int(run or 1)
    assert canvas.min() >= 0
    return np.array([colours[value] for value in canvas.ravel()], np.uint8).reshape(height, width, 3), set(colours)


def from_half_blocks(lines: list[str]) -> Pixels:
    """Return the pixels of rows of half blocks: foreground above, background below."""
    rows: list[list[tuple[int, ...]]] = []
    for line in lines:
        upper: list[tuple[int, ...]] = []
        lower: list[tuple[int, ...]] = []
        colours: dict[str, tuple[int, ...]] = {}
        for codes, sign in re.findall(r"\x1b\[([\d;]*)m|(.)", line):
            if sign:
                assert sign == "▀"
                upper.append(colours["3"])
                lower.append(colours["4"])
            for ground, true, index in re.findall(r"([34])8;(?:2;(\d+;\d+;\d+)|5;(\d+))", codes):
                colours[ground] = tuple(map(int, true.split(";"))) if true else xterm_colour(int(index))
        rows += [upper, lower]
    return np.array(rows, np.uint8)


def xterm_colour(number: int) -> tuple[int, ...]:
    """Return a colour of the palette of 256, from 16 on."""
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    cube = number - 16
    return tuple(0 if level == 0 else 55 + 40 * level for level in (cube // 36, cube // 6 % 6, cube % 6))


def _png(text: str) -> Image.Image:
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        assert image.format == "PNG"
        return image.convert("RGB")
