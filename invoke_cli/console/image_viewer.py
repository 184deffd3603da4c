"""Showing pictures in a terminal: which graphics, how large, how often."""

from __future__ import annotations

import os
import secrets
import shutil
import struct
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TextIO

from invoke_cli.console.half_blocks import HALF, draw_blocks
from invoke_cli.console.iterm import draw_iterm
from invoke_cli.console.kitty import NUMBERS, draw_kitty
from invoke_cli.console.rate_limiter import RateLimiter
from invoke_cli.console.rendered_image import RenderedImage
from invoke_cli.console.sixel import draw_sixel
from invoke_cli.console.terminal import Answers, Terminal, Window, kind_for, terminal_of
from invoke_cli.console.terminal_queries import ask_on_tty, may_ask
from invoke_cli.events import Preview

if TYPE_CHECKING:
    from PIL import Image

MAX_COLUMNS, MAX_ROWS = 64, 16
# Seconds that a terminal has for its answers; the far end of a network gets more.
PATIENCE, PATIENCE_AFAR = 0.3, 1.0


class Drawer(Protocol):
    """Draws an RGB picture into columns x rows cells; `number` names it among those that the terminal holds."""

    def __call__(
        self, image: Image.Image, columns: int, rows: int, terminal: Terminal, number: int = 0
    ) -> RenderedImage:
        """The picture as text."""


DRAWERS: Mapping[str, Drawer] = {"kitty": draw_kitty, "iterm": draw_iterm, "sixel": draw_sixel, "blocks": draw_blocks}


class ImageViewer:
    """Shows the pictures of one terminal: a viewer for the engine, drawings for the console. `answers` are the
    terminal's for a kind that a line asks for, `busy` tells that the last preview is not on the screen yet.
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
        self.pace = RateLimiter(time.perf_counter)

    def shows(self, kind: str) -> bool:
        """Whether this terminal shows pictures of the kind that a line asks for."""
        return kind != "off" and kind_for(kind, self._terminal(kind), self._environment) is not None

    def wants(self, kind: str) -> bool:
        """Whether there is time for a preview now."""
        return self.shows(kind) and not self._busy() and self.pace.ready()

    def preview(self, preview: Preview) -> RenderedImage | None:
        """A picture that is still growing, in the place of the last one."""
        return self._drawn(preview, self._preview_number)

    def finished(self, picture: Preview) -> RenderedImage | None:
        """A picture that stays."""
        began = time.perf_counter()
        self._number = (self._number + 1) % NUMBERS
        drawn = self._drawn(picture, self._number)
        self.pace.spend(time.perf_counter() - began, again=False)
        return drawn

    def _drawn(self, preview: Preview, number: int) -> RenderedImage | None:
        from PIL import Image

        terminal = self._terminal(preview.kind)
        kind = kind_for(preview.kind, terminal, self._environment)
        if kind is None:
            return None
        columns, rows = cells_for(
            preview.width, preview.height, terminal, (1, 2) if kind == "blocks" else terminal.cell
        )
        image = Image.frombytes("RGB", (preview.width, preview.height), preview.rgb)
        room = (columns * terminal.cell[0], rows * terminal.cell[1])
        if image.width > room[0] or image.height > room[1]:
            image = image.resize(room, Image.Resampling.BOX)
        return DRAWERS[kind](image, columns, rows, terminal, number)

    def _terminal(self, kind: str) -> Terminal:
        return terminal_of(self._environment, self._answers(kind), self._window())


def cells_for(width: int, height: int, terminal: Terminal, cell: tuple[int, int]) -> tuple[int, int]:
    """The columns and rows of a picture, its aspect kept, in at most half of the window."""
    most_rows = max(1, min(MAX_ROWS, terminal.window.rows // 2 - 2))
    most_columns = max(1, min(MAX_COLUMNS, terminal.window.columns - 2))
    across, down = width / cell[0], height / cell[1]
    scale = min(most_columns / across, most_rows / down)
    return max(1, round(across * scale)), max(1, round(down * scale))


def window_of(fd: int) -> Window:
    """The size of the terminal's window; the usual one where it says nothing."""
    import fcntl
    import termios

    try:
        rows, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(fd, termios.TIOCGWINSZ, b"\0" * 8))
    except OSError:
        rows = columns = width = height = 0
    usual = shutil.get_terminal_size()
    return Window(columns=columns or usual.columns, rows=rows or usual.lines, width=width, height=height)


def image_viewer(out: TextIO, err: TextIO) -> ImageViewer | None:
    """Who shows pictures on the terminal of standard error; nobody unless both streams are one that knows the signs."""
    if not (out.isatty() and err.isatty()) or not speaks(err):
        return None
    fd = err.fileno()
    return ImageViewer(_Once(lambda: _ask(fd)), lambda: window_of(fd))


class _Once:
    """The answers of a terminal that is asked when they are first needed."""

    def __init__(self, ask: Callable[[], Answers]) -> None:
        self._ask = ask
        self._answers: Answers | None = None

    def __call__(self, kind: str) -> Answers:
        if kind not in ("auto", "sixel"):
            return self._answers or Answers()  # nothing that it could say would change anything
        if self._answers is None:
            self._answers = self._ask()
        return self._answers


def _ask(shown_on: int) -> Answers:
    """What the terminal answers; nothing where it cannot be opened, such as that of another user (sudo)."""
    import termios

    patience = PATIENCE_AFAR if os.environ.get("SSH_CONNECTION") else PATIENCE
    try:
        fd = os.open(os.ttyname(shown_on), os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return Answers()
    try:
        return ask_on_tty(fd, os.environ, patience) if may_ask(fd) else Answers()
    except (OSError, termios.error):
        return Answers()  # it was closed meanwhile
    finally:
        os.close(fd)


def speaks(stream: TextIO) -> bool:
    """Whether half blocks can be written to a stream."""
    try:
        HALF.encode(stream.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
