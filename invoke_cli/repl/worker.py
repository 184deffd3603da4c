"""The thread that does the lines, and those of callers, one after the other, while the user types the next ones."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from invoke_cli.server.server import ClientRequest

Work = str | ClientRequest
DoWork = Callable[[Work], object]


class Worker:
    """Does lines and visits in order. `start` is called first, on the same thread, and returns what does either."""

    def __init__(self, start: Callable[[], DoWork], on_change: Callable[[], None]) -> None:
        self._start = start
        self._on_change = on_change
        self._lines: deque[Work] = deque()
        self._condition = threading.Condition()
        self._running = False
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="invoke-worker", daemon=True)

    def begin(self) -> None:
        """Start the thread; a second call does nothing."""
        if not self._thread.ident:
            self._thread.start()

    def submit(self, work: Work) -> None:
        """Do a line, or let a caller have its turn, when those before are done."""
        with self._condition:
            self._lines.append(work)
            self._condition.notify_all()
        self._on_change()

    def forget_waiting(self) -> list[str]:
        """Take the lines that have not begun out of the queue, but for those of callers; returns them."""
        with self._condition:
            dropped = [work for work in self._lines if isinstance(work, str)]
            self._lines = deque(work for work in self._lines if not isinstance(work, str))
        self._on_change()
        return dropped

    def disconnect_clients(self) -> None:
        """Send the callers away that wait."""
        with self._condition:
            callers = [work for work in self._lines if isinstance(work, ClientRequest)]
            self._lines = deque(work for work in self._lines if isinstance(work, str))
        for visit in callers:
            visit.disconnect()

    @property
    def running(self) -> bool:
        """Whether a line is being done; not while the session is still starting."""
        return self._running

    @property
    def waiting(self) -> list[Work]:
        """The lines and visits that have not begun."""
        return list(self._lines)

    def finish(self) -> None:
        """Wait until all lines are done, then end the thread."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        self.begin()
        self._thread.join()

    def _work(self) -> None:
        do = self._start()
        while (work := self._next()) is not None:
            self._on_change()
            do(work)
        self._on_change()

    def _next(self) -> Work | None:
        """The next line or visit, None when it is time to go; idle while there is none."""
        with self._condition:
            while not self._lines and not self._closing:
                self._running = False
                self._on_change()
                self._condition.wait()
            self._running = bool(self._lines)
            return self._lines.popleft() if self._lines else None
