"""The console: results and answers are printed to standard output, everything else to standard error.

Escape sequences and progress are written only to a terminal.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

from invoke_cli.console.error_text import error_text
from invoke_cli.console.event_text import (
    done_text,
    loading_text,
    performance_text,
    progress_text,
    result_text,
    short_result_text,
)
from invoke_cli.console.hyperlinks import add_hyperlink, supports_hyperlinks
from invoke_cli.console.image_viewer import ImageViewer
from invoke_cli.console.json_events import json_line
from invoke_cli.console.rendered_image import RenderedImage, down, up
from invoke_cli.console.standard_streams import stdout_errors
from invoke_cli.console.themes import Theme, theme_for
from invoke_cli.console.token_text import token_text
from invoke_cli.console.window import is_long, is_terminal, row_width, show_in_pager, text_width
from invoke_cli.console.worker_rows import WorkerRows
from invoke_cli.errors import InvokeError, OutputError
from invoke_cli.events import (
    STANDARD_OUTPUT,
    Done,
    Event,
    Failed,
    Level,
    Loading,
    Message,
    Notice,
    Planned,
    Prefill,
    Preview,
    Progress,
    Saved,
    Start,
    Step,
    Tokenized,
    Trace,
)
from invoke_cli.language.sanitize import sanitize_for_terminal

OnStep = Callable[[Step | None, RenderedImage | None], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsoleStyle:
    """The output style of a console.

    Attributes:
        json: Print JSON instead of text.
        quiet: Print only results, answers, errors, warnings and traces.
        verbose: Print the performance below each result.
        colour: Use colours.
        progress: Show a progress line.
        links: Print paths as hyperlinks.
        bell: Ring the bell for work that took at least this many seconds; 0 is never.
        theme: The colours.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    colour: bool = False
    progress: bool = False
    links: bool = False
    bell: float = 0
    theme: Theme = field(default_factory=lambda: theme_for(None))


def console_style(
    err: TextIO, *, json: bool = False, quiet: bool = False, verbose: bool = False, theme: str | None = None
) -> ConsoleStyle:
    """Return the style for a standard error stream: plain if it is not a terminal, or with NO_COLOR or TERM=dumb."""
    terminal = err.isatty() and os.environ.get("TERM") != "dumb"
    return ConsoleStyle(
        json=json,
        quiet=quiet,
        verbose=verbose,
        colour=terminal and not os.environ.get("NO_COLOR"),
        progress=terminal and not json and not quiet,
        links=not json and supports_hyperlinks(sys.stdout),
        theme=theme_for(theme),
    )


class Console:
    """Prints events. It may be called from any thread.

    Args:
        out: Standard output.
        err: Standard error.
        style: The output style.
        viewer: Shows images, if the terminal can.
        on_step: Receives the progress instead of the progress line.

    Attributes:
        pager: Shows a long text on the whole terminal.
    """

    def __init__(
        self,
        out: TextIO,
        err: TextIO,
        style: ConsoleStyle,
        viewer: ImageViewer | None = None,
        on_step: OnStep | None = None,
    ) -> None:
        self.out, self.err, self.style = out, err, style
        self.viewer = viewer if style.progress else None
        self._on_step = on_step
        self.pager: Callable[[str], object] = show_in_pager
        self._line_count = self._finished = 0
        self._preview_size: tuple[int, int] | None = None
        self._rows = WorkerRows()
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Print an event."""
        with self._lock:
            self._count(event)
            if self.style.json:
                self._write_json(event)
            elif isinstance(event, Progress) or (isinstance(event, Step) and event.worker and self._on_step is None):
                self._show_workers(event)
            elif isinstance(event, Step):
                self._show_step(event)
            else:
                self._clear_progress()
                self._show(event)

    def _count(self, event: Event) -> None:
        """Count the images of the running line."""
        if isinstance(event, Start):
            self._finished = 0
        elif isinstance(event, Saved):
            self._finished += 1

    def failed(self, error: InvokeError) -> None:
        """Print an error that belongs to no line."""
        self(Failed(error=error))

    def hint(self, text: str) -> None:
        """Print secondary text to standard error."""
        self._write_stderr(sanitize_for_terminal(text), "dim")

    def answer(self, text: str, *, paged: bool = False) -> None:
        """Print requested text to standard output; `paged` text that is longer than the window is shown in a pager."""
        if paged and is_terminal(self.out) and is_long(text):
            self.pager(text)
        else:
            self._write_stdout(text)

    def width(self) -> int:
        """Return the columns that text may take."""
        return text_width(self.out)

    def ring(self, seconds: float) -> None:
        """Ring the bell of the terminal for work that took long."""
        if self.style.bell and seconds >= self.style.bell and self.style.progress:
            self.err.write("\a")
            self.err.flush()

    # -- standard output ----------------------------------------------------------------------------------------------

    def _write_stdout(self, text: str) -> None:
        with stdout_errors():
            print(text, file=self.out, flush=True)

    def _write_json(self, event: Event) -> None:
        """Print an event as JSON. An error that cannot be written to standard output is printed to standard error."""
        try:
            self._write_stdout(json_line(event))
        except OutputError:
            if not isinstance(event, Failed):
                raise
            self._show(event)

    # -- events -----------------------------------------------------------------------------------------------------

    def _show(self, event: Event) -> None:
        match event:
            case Saved():
                self._show_result(event)
            case Message():
                self._show_message(event)
            case Prefill(line=text):  # a file or a pipe gets the same text
                self._write_stdout(sanitize_for_terminal(text) if self.out.isatty() else text)
            case Planned(text=text, dry_run=True):
                self._write_stdout(sanitize_for_terminal(text))
            case Failed():
                width = shutil.get_terminal_size((100, 24)).columns
                text = error_text(event.error, event.number, width, finished=self._finished)
                self._write_stderr(text, "error", always=True)
            case Trace():
                self._write_stderr(sanitize_for_terminal(event.text), "dim", always=True)
            case Notice():
                self._show_notice(event)
            case Tokenized():
                self._write_stderr(token_text(event, colour=self.style.colour), "")
            case _:
                self._show_status(event)

    def _show_message(self, event: Message) -> None:
        is_laid_out = bool(event.on_terminal) and self.out.isatty() and not self.style.verbose
        text = sanitize_for_terminal(event.on_terminal if is_laid_out else event.text)
        self.answer(text, paged=event.paged)
        self._show_picture(event.picture)

    def _show_picture(self, picture: Preview | None) -> None:
        rendered = self.viewer.finished(picture) if self.viewer and picture else None
        if rendered is not None:
            self.err.write(rendered.printed)
            self.err.flush()

    def _show_notice(self, event: Notice) -> None:
        prefix = {Level.TIP: "tip: ", Level.WARNING: "warning: "}.get(event.level, "")
        self._write_stderr(
            f"{prefix}{sanitize_for_terminal(event.text)}", event.level.value, always=event.level is Level.WARNING
        )

    def _show_status(self, event: Event) -> None:
        """Print what the program is doing."""
        match event:
            case Planned():
                self._write_stderr(sanitize_for_terminal(event.text), "dim")
            case Loading():
                self._write_stderr(loading_text(event), "dim")
            case Done() if event.images:
                self._write_stderr(done_text(event), "dim")
            case _:
                pass

    def _show_result(self, event: Saved) -> None:
        is_short = self.out.isatty() and not self.style.verbose
        text = short_result_text(event, row_width()) if is_short else result_text(event)
        if event.path == STANDARD_OUTPUT:
            print(text, file=self.err, flush=True)
        else:
            self._write_stdout(add_hyperlink(text, event.path) if self.style.links else text)
        for extra in (*event.extras, *([performance_text(event)] if self.style.verbose else [])):
            self._write_stderr(f"  {sanitize_for_terminal(str(extra))}", "dim")
        self._show_picture(event.picture)

    def _write_stderr(self, text: str, style: str, *, always: bool = False) -> None:
        """Print to standard error; in quiet mode only with `always`."""
        if self.style.quiet and not always:
            return
        code = self.style.theme.printed.get(style)
        print(f"\x1b[{code}m{text}\x1b[0m" if code and self.style.colour else text, file=self.err, flush=True)

    # -- progress ---------------------------------------------------------------------------------------------------

    def _show_step(self, event: Step) -> None:
        rendered = self.viewer.preview(event.preview) if self.viewer and event.preview else None
        if self._on_step is not None:
            self._on_step(event, rendered)
        elif self.style.progress:
            if rendered is not None:
                self._draw_preview(rendered)
            text = progress_text(event)[: shutil.get_terminal_size().columns - 1]
            self.err.write(f"\r{text}\x1b[K")
            self.err.flush()
            self._line_count = max(1, self._line_count)
        if rendered is not None and self.viewer is not None:
            self.viewer.rate_limiter.done()

    def _show_workers(self, event: Step | Progress) -> None:
        """Draw a row for each worker in place of those before."""
        if self._rows.add(event) and self.style.progress and self._on_step is None:
            self._erase_rows()
            text = self._rows.text(shutil.get_terminal_size().columns)
            self.err.write(f"\r{text}\x1b[K")
            self.err.flush()
            self._line_count = text.count("\n") + 1

    def _draw_preview(self, rendered: RenderedImage) -> None:
        """Draw a preview over the previous one, above the progress line."""
        if self._preview_size != (rendered.columns, rendered.rows):
            self._clear_progress()
            self.err.write(rendered.reserved + down(rendered.rows))
            self._preview_size, self._line_count = (rendered.columns, rendered.rows), rendered.rows + 1
        self.err.write(f"\r{up(rendered.rows)}{rendered.overlay}{down(rendered.rows)}")

    def _clear_progress(self) -> None:
        """Erase the progress line and the preview above it."""
        if self.viewer is not None:
            self.viewer.rate_limiter.pause()
        if self._on_step is not None:
            self._on_step(None, None)
        else:
            self._erase_rows()
            self._rows.forget()

    def _erase_rows(self) -> None:
        if self._line_count:
            self.err.write(f"\r{up(self._line_count - 1)}\x1b[J")
            self.err.flush()
            self._line_count, self._preview_size = 0, None
