"""The place above the prompt where a picture grows. prompt_toolkit keeps it blank; the picture is painted over it.

One more cell, right of the last row, carries the picture's sequence: whenever that cell is drawn, so is the picture,
after its area. The cell changes its style with every picture, the area's cells have one that nobody sees on blanks, so
that whatever comes into their place is drawn.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from prompt_toolkit.application import get_app, get_app_session
from prompt_toolkit.filters import Condition, is_done
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input.base import Input
from prompt_toolkit.layout import ConditionalContainer, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.layout.dimension import Dimension

from invoke_cli.console.image_viewer import ImageViewer, supports_half_blocks, window_of
from invoke_cli.console.rendered_image import RenderedImage, down, up
from invoke_cli.console.terminal_queries import TerminalQuery, detect_tmux

_BLANK, _SIGNS = "fg:ansigray", ("fg:ansigray", "fg:ansiwhite")


class PreviewArea:
    """The newest preview, as a window of the prompt's layout; nothing when there is none, or the prompt is done."""

    def __init__(self) -> None:
        self._drawn: RenderedImage | None = None
        self._count = 0
        self._painted = 0

    @property
    def behind(self) -> bool:
        """Whether the newest picture is not on the screen yet."""
        return self._drawn is not None and self._painted != self._count

    def show(self, drawn: RenderedImage | None) -> None:
        """Take a picture, or None away. May be called from any thread."""
        self._drawn = drawn
        self._count += 1

    def rendered(self) -> None:
        """The terminal has what was to be drawn."""
        self._painted = self._count

    def above(self, layout: Layout) -> Layout:
        """The layout with the area above it."""
        window = Window(FormattedTextControl(self._fragments), height=self._height, dont_extend_height=True)
        there = ConditionalContainer(window, filter=Condition(lambda: self._drawn is not None) & ~is_done)
        return Layout(HSplit([there, layout.container]), focused_element=layout.current_window)

    def _height(self) -> Dimension:
        drawn = self._drawn
        return Dimension.exact(drawn.rows if drawn else 0)

    def _fragments(self) -> StyleAndTextTuples:
        drawn, count = self._drawn, self._count
        if drawn is None:
            return []
        blanks = "\n".join([" " * drawn.columns] * drawn.rows)
        # No saving of the cursor round it: the picture's own would take its place.
        there, back = f"{up(drawn.rows - 1)}\x1b[{drawn.columns}D", f"{down(drawn.rows - 1)}\x1b[{drawn.columns}C"
        escape = f"{there}{drawn.overlay}{back}"
        return [(_BLANK, blanks), ("[ZeroWidthEscape]", escape), (_SIGNS[count % 2], " ")]


class Listening:
    """The reader of the terminal's keys, with the answers to an inquiry sieved out."""

    def __init__(self, reader: object, query: TerminalQuery) -> None:
        self._reader, self._inquiry = reader, query

    @property
    def closed(self) -> bool:
        """Whether the terminal is gone."""
        return bool(self._reader.closed)  # type: ignore[attr-defined]

    def read(self, count: int = 1024) -> str:
        """What was typed."""
        return self._inquiry.feed(self._reader.read(count))  # type: ignore[attr-defined]


def image_viewer_at_prompt(area: PreviewArea) -> tuple[ImageViewer | None, Callable[[], None]]:
    """Who shows pictures at the prompt, and what asks the terminal; to be called once the prompt listens."""
    out, err, keys = sys.__stdout__, sys.__stderr__, get_app_session().input
    if out is None or err is None or not (out.isatty() and err.isatty() and supports_half_blocks(err)):
        return None, _ask_nothing
    query = TerminalQuery(_write, os.environ, detect_tmux(os.environ))
    fd = err.fileno()
    viewer = ImageViewer(lambda _: query.answers, lambda: window_of(fd), busy=lambda: area.behind)
    return viewer, query.begin if _listen(keys, query) else _ask_nothing


def _listen(keys: Input, query: TerminalQuery) -> bool:
    """Let the inquiry hear what comes in; False for an input that is no terminal."""
    reader = getattr(keys, "stdin_reader", None)
    if reader is None:
        return False
    keys.stdin_reader = Listening(reader, query)  # type: ignore[attr-defined]
    return True


def _write(text: str) -> None:
    output = get_app().output
    output.write_raw(text)
    output.flush()


def _ask_nothing() -> None:
    pass
