"""Record the README's screens from a session in tmux that is driven by keys: `python -m tests.frontends.screens`."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

import pyte

from tests.frontends.test_tmux import COLUMNS, ROOT, ROWS, Pane, preview_is_above_progress

TARGET = ROOT / "docs" / "session.svg"
WIDTH, HEIGHT = 8, 17
NAMES = {
    "default": "#d8d8d8", "black": "#303030", "red": "#e06c75", "green": "#98c379", "brown": "#d9b36c",
    "blue": "#61afef", "magenta": "#c678dd", "cyan": "#56b6c2", "white": "#c8c8c8", "brightblack": "#808080",
}  # fmt: skip
FOUND = re.compile(r"\[1\] \d\d:\d\d  tree on a hill")
LATE = re.compile(r"step (2[4-9]|3\d) of 40")
LINE = "tree on a hill with a river, sunset -S 42 -s 40"


def main() -> None:
    """Drive the session and write its screens."""
    with tempfile.TemporaryDirectory() as folder:
        pane = Pane(Path(folder), Path(folder))
        try:
            screens = [cells_of(text) for text in scenes(pane)]
        finally:
            pane.close()
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(svg(screens), encoding="utf-8")


def scenes(pane: Pane) -> Iterator[str]:
    """Yield the screens, with their colours."""
    pane.until(lambda screen: "loaded sketchbook" in screen)
    pane.type(f"{LINE} -A k_eu")
    pane.press("Tab")
    pane.until(lambda screen: "Euler a" in screen)
    yield pane.coloured
    pane.press("C-c")
    pane.enter(LINE)
    pane.until(lambda screen: preview_is_above_progress(screen, "of 40"))
    pane.enter("winter, oil painting -I @last -f .4 -S 7")
    pane.until(lambda screen: bool(LATE.search(screen)) and preview_is_above_progress(screen, "of 40"))
    yield pane.coloured
    pane.until(lambda screen: "[2] outputs" in screen and "1 image in" in screen.split("[2] outputs")[1])
    pane.enter("!search river steps>10")
    pane.until(lambda screen: bool(FOUND.search(screen)))
    yield pane.coloured


def kept_blanks(text: str) -> str:
    """Return text for SVG whose blanks every viewer keeps, at the end of a line too."""
    return escape(text).replace(" ", "\N{NO-BREAK SPACE}")


def cells_of(text: str) -> list[list[pyte.screens.Char]]:
    """Return the cells of a screen, without its longer gaps."""
    screen = pyte.Screen(COLUMNS, ROWS)
    pyte.Stream(screen).feed(text.rstrip("\n").replace("\n", "\r\n"))
    rows = [[screen.buffer[row][column] for column in range(COLUMNS)] for row in range(ROWS)]
    result: list[list[pyte.screens.Char]] = []
    for row in rows:
        blank = all(cell.data == " " for cell in row)
        if not blank or (result and any(cell.data != " " for cell in result[-1])):
            result.append(row)
    return result


def svg(screens: list[list[list[pyte.screens.Char]]]) -> str:
    """Return the screens below each other as SVG."""
    parts, top = [], 0
    for rows in screens:
        height = HEIGHT * len(rows) + 16
        parts.append(f'<rect y="{top}" width="{COLUMNS * WIDTH + 16}" height="{height}" rx="6" fill="#1e1e1e"/>')
        for number, row in enumerate(rows):
            parts += svg_row(row, top + 8 + number * HEIGHT)
        top += height + 12
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{COLUMNS * WIDTH + 16}" height="{top}"'
    style = 'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13"'
    return f'{head} {style} shape-rendering="crispEdges">\n' + "\n".join(parts) + "\n</svg>\n"


def svg_row(row: list[pyte.screens.Char], top: int) -> Iterator[str]:
    """Yield a row of cells: half blocks and backgrounds as boxes, everything else as text."""
    column = 0
    for style_of_run, cells in groupby(row, key=lambda cell: (cell.data == "▀", cell.fg, cell.bg, cell.reverse)):
        text = "".join(cell.data for cell in cells)
        left, wide = 8 + column * WIDTH, len(text) * WIDTH
        half, fore, back = style_of_run[0], colour(style_of_run[1]), colour(style_of_run[2])
        fore, back = (back, fore) if style_of_run[3] else (fore, back)
        box = f'<rect x="{left}" y="{{}}" width="{wide}" height="{{}}" fill="{{}}"/>'
        if half:
            yield box.format(top, HEIGHT, back)
            yield box.format(top, HEIGHT // 2, fore)
        elif style_of_run[2] != "default" or style_of_run[3]:
            yield box.format(top, HEIGHT, back)
        if not half and text.strip():
            yield f'<text x="{left}" y="{top + 13}" textLength="{wide}" fill="{fore}">{kept_blanks(text)}</text>'
        column += len(text)


def colour(name: str) -> str:
    """Return a terminal's colour as a CSS colour."""
    return NAMES.get(name) or NAMES.get(name.removeprefix("bright"), f"#{name}")


if __name__ == "__main__":
    main()
