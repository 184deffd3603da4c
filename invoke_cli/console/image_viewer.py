"""Show images in a terminal: choose the graphics protocol, the size and the rate."""

from __future__ import annotations

import os
import secrets
import shutil
import struct
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TextIO

from invoke_cli.console.half_blocks import HALF, render_blocks
from invoke_cli.console.iterm import render_iterm
from invoke_cli.console.kitty import NUMBERS, render_kitty
from invoke_cli.console.rate_limiter import RateLimiter
from invoke_cli.console.rendered_image import RenderedImage
from invoke_cli.console.sixel import render_sixel
from invoke_cli.console.terminal import Answers, Terminal, Window, detect_terminal, kind_for
from invoke_cli.console.terminal_queries import may_query, query_tty
from invoke_cli.events import Preview

if TYPE_CHECKING:
    from PIL import Image

MAX_COLUMNS, MAX_ROWS = 64, 16
# Rows that half blocks leave to the prompt, with its menu, toolbar, progress and queue.
PROMPT_ROWS = 12
# Seconds to wait for the answers of a terminal; longer over a network.
TIMEOUT, REMOTE_TIMEOUT = 0.3, 1.0


class Renderer(Protocol):
    """Renders an RGB image in columns x rows cells; `number` identifies it among the images of the terminal."""

    def __call__(
        self, image: Image.Image, columns: int, rows: int, terminal: Terminal, number: int = 0
    ) -> RenderedImage:
        """Render an image as terminal text."""


RENDERERS: Mapping[str, Renderer] = {
    "kitty": render_kitty,
    "iterm": render_iterm,
    "sixel": render_sixel,
    "blocks": render_blocks,
}


class ImageViewer:
    """Shows images on one terminal: decides for the engine whether previews are wanted, and renders for the console.

    Args:
        answers: Returns the terminal's answers to queries for the kind of graphics that a line requests.
        window: Returns the size of the window.
        environment: The environment variables.
        busy: Returns whether the last preview is not on the screen yet.
    """

    def __init__(
        self,
        answers: Callable[[str], Answers],
        window: Callable[[], Window],
        environment: Mapping[str, str] = os.environ,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._answers, self._window = answers, window
        self._environment, self._busy = environment, busy
        self._number = self._preview_number = secrets.randbelow(NUMBERS)
        self.rate_limiter = RateLimiter(time.perf_counter)

    def shows(self, kind: str) -> bool:
        """Return whether this terminal shows the kind of graphics that a line requests."""
        return kind != "off" and kind_for(kind, self._terminal(kind), self._environment) is not None

    def wants(self, kind: str) -> bool:
        """Return whether a preview may be shown now."""
        return self.shows(kind) and not self._busy() and self.rate_limiter.ready()

    def preview(self, preview: Preview) -> RenderedImage | None:
        """Render a preview, which replaces the previous one."""
        return self._render(preview, self._preview_number)

    def finished(self, image: Preview) -> RenderedImage | None:
        """Render a finished image, which stays on the screen."""
        started = time.perf_counter()
        self._number = (self._number + 1) % NUMBERS
        rendered = self._render(image, self._number)
        self.rate_limiter.spend(time.perf_counter() - started, is_preview=False)
        return rendered

    def _render(self, preview: Preview, number: int) -> RenderedImage | None:
        from PIL import Image

        terminal = self._terminal(preview.kind)
        kind = kind_for(preview.kind, terminal, self._environment)
        if kind is None:
            return None
        is_text = kind == "blocks"
        most = most_cells(terminal.window, is_text=is_text)
        columns, rows = cells_for(preview.width, preview.height, most, (1, 2) if is_text else terminal.cell)
        image = Image.frombytes("RGB", (preview.width, preview.height), preview.rgb)
        max_pixels = (columns * terminal.cell[0], rows * terminal.cell[1])
        if image.width > max_pixels[0] or image.height > max_pixels[1]:
            image = image.resize(max_pixels, Image.Resampling.BOX)
        return RENDERERS[kind](image, columns, rows, terminal, number)

    def _terminal(self, kind: str) -> Terminal:
        return detect_terminal(self._environment, self._answers(kind), self._window())


def most_cells(window: Window, *, is_text: bool) -> tuple[int, int]:
    """Return the columns and rows that an image may take: as coarse half blocks, all that the prompt leaves."""
    half = window.rows // 2 - 2
    if is_text:
        return max(1, window.columns - 2), max(1, half, window.rows - PROMPT_ROWS)
    return max(1, min(MAX_COLUMNS, window.columns - 2)), max(1, min(MAX_ROWS, half))


def cells_for(width: int, height: int, most: tuple[int, int], cell: tuple[int, int]) -> tuple[int, int]:
    """Return the columns and rows for an image, keeping its aspect, of at most `most`."""
    width_in_cells, height_in_cells = width / cell[0], height / cell[1]
    scale = min(most[0] / width_in_cells, most[1] / height_in_cells)
    return max(1, round(width_in_cells * scale)), max(1, round(height_in_cells * scale))


def window_of(fd: int) -> Window:
    """Return the size of the terminal's window, or a default if it is unknown."""
    import fcntl
    import termios

    try:
        rows, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(fd, termios.TIOCGWINSZ, b"\0" * 8))
    except OSError:
        rows = columns = width = height = 0
    fallback = shutil.get_terminal_size()
    return Window(columns=columns or fallback.columns, rows=rows or fallback.lines, width=width, height=height)


def image_viewer(out: TextIO, err: TextIO) -> ImageViewer | None:
    """Return a viewer for the terminal; None unless both streams are a terminal that can encode half blocks."""
    if not (out.isatty() and err.isatty()) or not supports_half_blocks(err):
        return None
    fd = err.fileno()
    return ImageViewer(_LazyAnswers(lambda: _query(fd)), lambda: window_of(fd))


class _LazyAnswers:
    """Queries a terminal when its answers are first needed."""

    def __init__(self, query: Callable[[], Answers]) -> None:
        self._query = query
        self._answers: Answers | None = None

    def __call__(self, kind: str) -> Answers:
        if kind not in ("auto", "sixel"):
            return self._answers or Answers()  # the answers do not matter for other kinds
        if self._answers is None:
            self._answers = self._query()
        return self._answers


def _query(stderr_fd: int) -> Answers:
    """Query the terminal; return empty answers if it cannot be opened, such as that of another user (sudo)."""
    import termios

    timeout = REMOTE_TIMEOUT if os.environ.get("SSH_CONNECTION") else TIMEOUT
    try:
        fd = os.open(os.ttyname(stderr_fd), os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return Answers()
    try:
        return query_tty(fd, os.environ, timeout) if may_query(fd) else Answers()
    except (OSError, termios.error):
        return Answers()  # the terminal was closed meanwhile
    finally:
        os.close(fd)


def supports_half_blocks(stream: TextIO) -> bool:
    """Return whether half blocks can be written to a stream."""
    try:
        HALF.encode(stream.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
