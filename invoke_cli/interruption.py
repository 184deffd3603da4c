"""Ctrl-C, SIGTERM and SIGHUP outside the prompt: end the running image after its step, keep what is finished."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import FrameType

from invoke_cli.context.outcome import Outcome
from invoke_cli.errors import Interrupted
from invoke_cli.session import Session
from invoke_cli.signals import end_at_once, ending_signals_handled


class InterruptionHandler:
    """Handles the signals that end the program while it is entered.

    The first signal ends the running image after its step; a second one, or one between lines, ends the program. While
    the engine's libraries are imported, which nothing else could stop, the first one does so.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._is_busy = False
        self._is_interrupted = False
        self._handling = contextlib.ExitStack()

    def __enter__(self) -> InterruptionHandler:
        self._handling.enter_context(ending_signals_handled(self._handle))
        return self

    def __exit__(self, *_: object) -> None:
        self._handling.close()

    def run(self, line: str, number: int | None) -> Outcome:
        """Run a line; a signal that came before it began counts for it."""
        if self._is_interrupted:
            return Outcome.INTERRUPTED
        with self.busy():
            return self._session.run(line, number)

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Let the first signal stop the session's work while the context is entered."""
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._session.context.is_opening_engine:
            end_at_once()
        if self._is_interrupted or not self._is_busy:
            raise Interrupted("stopped")
        self._is_interrupted = True
        self._session.stop()
