"""Ctrl-C and SIGTERM outside the prompt: end the running image after its step, keep what is finished."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from invoke_cli.context.outcome import Outcome
from invoke_cli.errors import Interrupted
from invoke_cli.session import Session


class InterruptionHandler:
    """Handles SIGINT and SIGTERM while it is entered.

    The first signal ends the running image after its step; a second one, or one between lines, ends the program.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._is_busy = False
        self._is_interrupted = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> InterruptionHandler:
        for name in (signal.SIGINT, signal.SIGTERM):
            self._previous[name] = signal.signal(name, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for name, handler in self._previous.items():
            signal.signal(name, handler)

    def run(self, line: str, number: int | None) -> Outcome:
        """Run a line; a signal that came before it began counts for it."""
        if self._is_interrupted:
            return Outcome.INTERRUPTED
        self._is_busy = True
        try:
            return self._session.run(line, number)
        finally:
            self._is_busy = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_interrupted or not self._is_busy:
            raise Interrupted("stopped")
        self._is_interrupted = True
        self._session.stop()
