"""The thread that does the lines, one after the other, while the user types the next ones."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from invoke_cli.workshop.outcome import Outcome

RunLine = Callable[[str], Outcome]


class Worker:
    """Does lines in order. `start` is called first, on the same thread, and returns what does a line."""

    def __init__(self, start: Callable[[], RunLine], on_change: Callable[[], None]) -> None:
        self._start = start
        self._on_change = on_change
        self._lines: deque[str] = deque()
        self._condition = threading.Condition()
        self._running = False
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="invoke-worker", daemon=True)

    def begin(self) -> None:
        """Start the thread; a second call does nothing."""
        if not self._thread.ident:
            self._thread.start()

    def submit(self, line: str) -> None:
        """Do a line when those before it are done."""
        with self._condition:
            self._lines.append(line)
            self._condition.notify_all()

    def forget_waiting(self) -> list[str]:
        """Take the lines that have not begun out of the queue; returns them."""
        with self._condition:
            waiting = list(self._lines)
            self._lines.clear()
        self._on_change()
        return waiting

    @property
    def running(self) -> bool:
        """Whether a line is being done; not while the session is still starting."""
        return self._running

    @property
    def waiting(self) -> list[str]:
        """The lines that have not begun."""
        return list(self._lines)

    def finish(self) -> None:
        """Wait until all lines are done, then end the thread."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        self.begin()
        self._thread.join()

    def _work(self) -> None:
        run = self._start()
        while (line := self._next()) is not None:
            self._on_change()
            run(line)
        self._on_change()

    def _next(self) -> str | None:
        """The next line, None when it is time to go; idle while there is none."""
        with self._condition:
            while not self._lines and not self._closing:
                self._running = False
                self._on_change()
                self._condition.wait()
            self._running = bool(self._lines)
            return self._lines.popleft() if self._lines else None
