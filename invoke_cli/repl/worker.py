"""The thread that runs lines and serves clients, one after the other, while the user types."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from invoke_cli.server.client_request import ClientRequest

Work = str | ClientRequest
DoWork = Callable[[Work], object]


class Worker:
    """Runs lines and client requests in order.

    Args:
        start: Called first on the worker's thread; returns the function that runs lines and requests.
        on_change: Called when the queue or the running state changes.
    """

    def __init__(self, start: Callable[[], DoWork], on_change: Callable[[], None]) -> None:
        self._start = start
        self._on_change = on_change
        self._queue: deque[Work] = deque()
        self._condition = threading.Condition()
        self._running = False
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="invoke-worker", daemon=True)

    def start(self) -> None:
        """Start the thread; a second call does nothing."""
        if not self._thread.ident:
            self._thread.start()

    def submit(self, work: Work) -> None:
        """Queue a line or a client request."""
        with self._condition:
            self._queue.append(work)
            self._condition.notify_all()
        self._on_change()

    def drop_waiting(self) -> list[str]:
        """Remove the waiting lines, but not the client requests, from the queue. Return them."""
        with self._condition:
            dropped = [work for work in self._queue if isinstance(work, str)]
            self._queue = deque(work for work in self._queue if not isinstance(work, str))
        self._on_change()
        return dropped

    def disconnect_clients(self) -> None:
        """Disconnect the waiting clients."""
        with self._condition:
            clients = [work for work in self._queue if isinstance(work, ClientRequest)]
            self._queue = deque(work for work in self._queue if isinstance(work, str))
        for client_request in clients:
            client_request.disconnect()

    @property
    def running(self) -> bool:
        """Return whether a line is running; False while the session is still starting."""
        return self._running

    @property
    def waiting(self) -> list[Work]:
        """Return the waiting lines and client requests."""
        return list(self._queue)

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until nothing runs or waits, at most for some seconds."""
        with self._condition:
            self._condition.wait_for(lambda: not self._running and not self._queue, seconds)

    def finish(self) -> None:
        """Wait until all lines have run, then end the thread."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        self.start()
        self._thread.join()

    def _work(self) -> None:
        do = self._start()
        while (work := self._next()) is not None:
            self._on_change()
            do(work)
        self._on_change()

    def _next(self) -> Work | None:
        """Wait for the next line or request; None when the worker is closing."""
        with self._condition:
            while not self._queue and not self._closing:
                self._running = False
                self._condition.notify_all()
                self._on_change()
                self._condition.wait()
            self._running = bool(self._queue)
            return self._queue.popleft() if self._queue else None
