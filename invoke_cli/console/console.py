"""The console: events to standard output and standard error. Results and answers go to the one, all else to the other.

Off a terminal no escape sequence is written and no progress is shown.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

from invoke_cli.console.event_text import done_text, error_text, loading_text, progress_text, result_text
from invoke_cli.console.hyperlinks import linked, takes_links
from invoke_cli.console.image_viewer import ImageViewer
from invoke_cli.console.json_events import json_line
from invoke_cli.console.rendered_image import RenderedImage, down, up
from invoke_cli.console.standard_streams import stdout_errors
from invoke_cli.console.themes import Theme, theme_for
from invoke_cli.console.token_text import token_text
from invoke_cli.errors import InvokeError, OutputError
from invoke_cli.events import (
    Done,
    Event,
    Failed,
    Level,
    Loading,
    Message,
    Notice,
    Planned,
    Prefill,
    Saved,
    Step,
    Tokenized,
    Trace,
)
from invoke_cli.language.sanitize import sanitize_for_terminal

OnStep = Callable[[Step | None, RenderedImage | None], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsoleStyle:
    """How a console speaks: JSON or text, quiet or not, with colours (of which theme), with a progress line, with
    paths that can be clicked. The bell rings for work that took `bell` seconds; 0: never.
    """

    json: bool = False
    quiet: bool = False
    colour: bool = False
    progress: bool = False
    links: bool = False
    bell: float = 0
    theme: Theme = field(default_factory=lambda: theme_for(None))


def console_style(err: TextIO, *, json: bool = False, quiet: bool = False, theme: str | None = None) -> ConsoleStyle:
    """The look that suits a standard error stream: plain when it is no terminal, or NO_COLOR or a dumb one says so."""
    terminal = err.isatty() and os.environ.get("TERM") != "dumb"
    return ConsoleStyle(
        json=json,
        quiet=quiet,
        colour=terminal and not os.environ.get("NO_COLOR"),
        progress=terminal and not json and not quiet,
        links=not json and takes_links(sys.stdout),
        theme=theme_for(theme),
    )


class Console:
    """Prints events. May be called from any thread; `seer` shows pictures, `on_step` takes the progress where somebody
    else shows it.
    """

    def __init__(
        self,
        out: TextIO,
        err: TextIO,
        look: ConsoleStyle,
        seer: ImageViewer | None = None,
        on_step: OnStep | None = None,
    ) -> None:
        self.out, self.err, self.look = out, err, look
        self.seer = seer if look.progress else None
        self._on_step = on_step
        self._lines = 0
        self._area: tuple[int, int] | None = None
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        with self._lock:
            if self.look.json:
                self._json(event)
            elif isinstance(event, Step):
                self._step(event)
            else:
                self._clear_progress()
                self._show(event)

    def failed(self, error: InvokeError) -> None:
        """Tell an error that belongs to no line."""
        self(Failed(error=error))

    def hint(self, text: str) -> None:
        """Say something in passing, on standard error."""
        self._aside(text, "dim")

    def answer(self, text: str) -> None:
        """Say something that was asked for, on standard output."""
        self._out(text)

    def ring(self, seconds: float) -> None:
        """Sound the bell of the terminal for work that took long."""
        if self.look.bell and seconds >= self.look.bell and self.look.progress:
            self.err.write("\a")
            self.err.flush()

    # -- standard output ----------------------------------------------------------------------------------------------

    def _out(self, text: str) -> None:
        with stdout_errors():
            print(text, file=self.out, flush=True)

    def _json(self, event: Event) -> None:
        """An event as a line; an error that standard output does not take is told beside it."""
        try:
            self._out(json_line(event))
        except OutputError:
            if not isinstance(event, Failed):
                raise
            self._show(event)

    # -- events -----------------------------------------------------------------------------------------------------

    def _show(self, event: Event) -> None:
        match event:
            case Saved():
                self._result(event)
            case Message(text=text) | Prefill(line=text) | Planned(text=text, dry_run=True):
                self._out(sanitize_for_terminal(text))
            case Failed():
                width = shutil.get_terminal_size((100, 24)).columns
                self._aside(error_text(event.error, event.number, width), "error", always=True)
            case Trace():
                self._aside(sanitize_for_terminal(event.text), "dim", always=True)
            case Notice():
                self._notice(event)
            case Tokenized():
                self._aside(token_text(event, colour=self.look.colour), "")
            case _:
                self._status(event)

    def _notice(self, event: Notice) -> None:
        prefix = {Level.TIP: "tip: ", Level.WARNING: "warning: "}.get(event.level, "")
        self._aside(
            f"{prefix}{sanitize_for_terminal(event.text)}", event.level.value, always=event.level is Level.WARNING
        )

    def _status(self, event: Event) -> None:
        """What is going on, of interest to whoever is looking."""
        match event:
            case Planned():
                self._aside(sanitize_for_terminal(event.text), "dim")
            case Loading():
                self._aside(loading_text(event), "dim")
            case Done() if event.images > 1 or self.look.progress:
                self._aside(done_text(event), "dim")
            case _:
                pass

    def _result(self, event: Saved) -> None:
        text = result_text(event)
        if event.number is None:
            print(text, file=self.err, flush=True)
        else:
            self._out(linked(text, event.path) if self.look.links else text)
        for extra in event.extras:
            self._aside(f"  {extra}", "dim")
        drawn = self.seer.finished(event.picture) if self.seer and event.picture else None
        if drawn is not None:
            self.err.write(drawn.printed)
            self.err.flush()

    def _aside(self, text: str, style: str, *, always: bool = False) -> None:
        """One thing on standard error; the quiet console keeps it, unless it is `always` said."""
        if self.look.quiet and not always:
            return
        code = self.look.theme.printed.get(style)
        print(f"\x1b[{code}m{text}\x1b[0m" if code and self.look.colour else text, file=self.err, flush=True)

    # -- progress ---------------------------------------------------------------------------------------------------

    def _step(self, event: Step) -> None:
        drawn = self.seer.preview(event.preview) if self.seer and event.preview else None
        if self._on_step is not None:
            self._on_step(event, drawn)
        elif self.look.progress:
            if drawn is not None:
                self._paint(drawn)
            text = progress_text(event)[: shutil.get_terminal_size().columns - 1]
            self.err.write(f"\r{text}\x1b[K")
            self.err.flush()
            self._lines = max(1, self._lines)
        if drawn is not None and self.seer is not None:
            self.seer.pace.done()

    def _paint(self, drawn: RenderedImage) -> None:
        """A preview over the one before, above the progress line."""
        if self._area != (drawn.columns, drawn.rows):
            self._clear_progress()
            self.err.write(drawn.reserved + down(drawn.rows))
            self._area, self._lines = (drawn.columns, drawn.rows), drawn.rows + 1
        self.err.write(f"\r{up(drawn.rows)}{drawn.painted}{down(drawn.rows)}")

    def _clear_progress(self) -> None:
        """Take the progress line, and the preview above it, off the terminal."""
        if self.seer is not None:
            self.seer.pace.rest()
        if self._on_step is not None:
            self._on_step(None, None)
        elif self._lines:
            self.err.write(f"\r{up(self._lines - 1)}\x1b[J")
            self.err.flush()
            self._lines, self._area = 0, None
