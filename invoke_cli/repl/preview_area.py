"""The preview area above the prompt. prompt_toolkit draws it blank; the image is drawn over it.

One more cell, right of the last row, carries the image's escape sequence: whenever prompt_toolkit draws that cell, it
draws the image, after its area. The cell's style changes with every image, and the cells of the area have a style that
is invisible on blanks, so that prompt_toolkit redraws both them and whatever replaces them.
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

_BLANK, _MARKER_STYLES = "fg:ansigray", ("fg:ansigray", "fg:ansiwhite")


class PreviewArea:
    """The latest preview as a window of the prompt's layout; hidden without a preview or when the line is entered."""

    def __init__(self) -> None:
        self._rendered: RenderedImage | None = None
        self._count = 0
        self._shown_count = 0

    @property
    def is_pending(self) -> bool:
        """Return whether the latest preview is not on the screen yet."""
        return self._rendered is not None and self._shown_count != self._count

    def show(self, rendered: RenderedImage | None) -> None:
        """Set the preview, or remove it (None). It may be called from any thread."""
        self._rendered = rendered
        self._count += 1

    def rendered(self) -> None:
        """Record that the terminal shows the latest preview."""
        self._shown_count = self._count

    def above(self, layout: Layout) -> Layout:
        """Return the layout with the preview area above it."""
        window = Window(FormattedTextControl(self._fragments), height=self._height, dont_extend_height=True)
        preview = ConditionalContainer(window, filter=Condition(lambda: self._rendered is not None) & ~is_done)
        return Layout(HSplit([preview, layout.container]), focused_element=layout.current_window)

    def _height(self) -> Dimension:
        rendered = self._rendered
        return Dimension.exact(rendered.rows if rendered else 0)

    def _fragments(self) -> StyleAndTextTuples:
        rendered, count = self._rendered, self._count
        if rendered is None:
            return []
        blanks = "\n".join([" " * rendered.columns] * rendered.rows)
        # Not with save and restore of the cursor: the image uses them itself.
        there, back = (
            f"{up(rendered.rows - 1)}\x1b[{rendered.columns}D",
            f"{down(rendered.rows - 1)}\x1b[{rendered.columns}C",
        )
        escape = f"{there}{rendered.overlay}{back}"
        return [(_BLANK, blanks), ("[ZeroWidthEscape]", escape), (_MARKER_STYLES[count % 2], " ")]


class FilteredReader:
    """A reader of the terminal's keys that filters out the answers to a query."""

    def __init__(self, reader: object, query: TerminalQuery) -> None:
        self._reader, self._inquiry = reader, query

    @property
    def closed(self) -> bool:
        """Return whether the terminal is closed."""
        return bool(self._reader.closed)  # type: ignore[attr-defined]

    def read(self, count: int = 1024) -> str:
        """Return the typed keys."""
        return self._inquiry.feed(self._reader.read(count))  # type: ignore[attr-defined]


def image_viewer_at_prompt(area: PreviewArea) -> tuple[ImageViewer | None, Callable[[], None]]:
    """Return the prompt's image viewer, if any, and a function that queries the terminal once the prompt reads keys."""
    out, err, terminal_input = sys.__stdout__, sys.__stderr__, get_app_session().input
    if out is None or err is None or not (out.isatty() and err.isatty() and supports_half_blocks(err)):
        return None, _do_nothing
    query = TerminalQuery(_write, os.environ, detect_tmux(os.environ))
    fd = err.fileno()
    viewer = ImageViewer(lambda _: query.answers, lambda: window_of(fd), busy=lambda: area.is_pending)
    return viewer, query.begin if _filter_answers(terminal_input, query) else _do_nothing


def _filter_answers(terminal_input: Input, query: TerminalQuery) -> bool:
    """Pass the input through the query. Return False for an input that is not a terminal."""
    reader = getattr(terminal_input, "stdin_reader", None)
    if reader is None:
        return False
    terminal_input.stdin_reader = FilteredReader(reader, query)  # type: ignore[attr-defined]
    return True


def _write(text: str) -> None:
    output = get_app().output
    output.write_raw(text)
    output.flush()


def _do_nothing() -> None:
    pass
