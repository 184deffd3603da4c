"""A client of a session: another process whose engine calls the session runs."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

from invoke_cli.engine import Engine
from invoke_cli.server.calls import CallRunner
from invoke_cli.server.connection import POLL_SECONDS, STALL_SECONDS, Connection, ConnectionLost
from invoke_cli.server.handles import CachedStates

# How long a client keeps its turn between two calls; the shorter time before its first one, and while others wait.
IDLE_SECONDS, SHORT_IDLE_SECONDS = 15.0, 2.0
# The time after which an unresponsive client is reported, and the time limit for it after a request to stop.
SILENT_SECONDS, STOPPED_SECONDS = 3.0, 1.0
MAX_GREETING = 4_000


class ClientRequest:
    """A client that is queued, served and disconnected. `stop` may be called from any thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._states = CachedStates()
        self._connection = Connection(
            connection, self._states, lambda seconds: self._keep_waiting(seconds, self._stall_limit)
        )
        self._stall_limit = 0.0  # nobody waits for a client that has not been admitted
        self._has_called = False
        self._stop = threading.Event()
        self._calls = CallRunner(self._connection, self._states, self._stop.is_set)
        self._notify: Callable[[str], None] | None = None

    def fileno(self) -> int:
        """Return the descriptor of the connection, for a selector."""
        return self._connection.fileno()

    def read_greeting(self) -> str | None:
        """Read what has arrived of the client's greeting, without waiting.

        Returns:
            The client's compatibility key; empty if the greeting is invalid, None if it is incomplete.
        """
        try:
            if not self._connection.has_line(MAX_GREETING):
                return None
            hello = self._connection.receive()
        except ConnectionLost:
            return ""
        return str(hello.values.get("program", "")) if hello.kind == "hello" and len(hello.values) == 1 else ""

    def welcome(self) -> bool:
        """Tell the client that it will be served. Return whether it still listens."""
        self._stall_limit = STALL_SECONDS
        return self._send("welcome")

    def refuse(self) -> None:
        """Tell the client that it will not be served."""
        self._send("refused")

    def _send(self, kind: str) -> bool:
        try:
            self._connection.send(kind)
        except ConnectionLost:
            return False
        return True

    def is_connected(self) -> bool:
        """Return whether neither side has closed the connection."""
        return self._connection.is_open()

    def stop(self) -> None:
        """Stop the client's job after the current step."""
        self._stop.set()

    def disconnect(self) -> None:
        """Close the connection. A client that was not served yet continues without the session."""
        self._connection.close()

    def serve(
        self,
        open_engine: Callable[[], Engine],
        notify: Callable[[str], None],
        others_wait: Callable[[], bool] = lambda: False,
    ) -> None:
        """Run the client's calls until it disconnects or is idle for too long.

        Args:
            open_engine: Opens the engine of the session.
            notify: Receives a message for the user of the session if the client does not respond.
            others_wait: Returns whether a line or another client waits for its turn.
        """
        self._notify = notify
        try:
            self._connection.send("turn")
            while self._wait_for_call(lambda: self._idle_limit(others_wait())):
                message = self._connection.receive()
                self._has_called = True
                if message.kind == "call":
                    self._calls.answer(open_engine, message)
        except ConnectionLost:
            pass
        finally:
            self.disconnect()

    # -- unresponsive clients ---------------------------------------------------------------------------------------

    def _idle_limit(self, others_wait: bool) -> float:
        """Return how long the client may be idle: shortly until its first call, and while others wait.

        A client is connected again with its next call, unless it refers to a state of the engine.
        """
        is_short = not self._has_called or (others_wait and not self._states.states)
        return SHORT_IDLE_SECONDS if is_short else IDLE_SECONDS

    def _wait_for_call(self, limit: Callable[[], float]) -> bool:
        """Wait for a message. Return whether one arrived in time."""
        began = time.monotonic()
        while not self._connection.is_readable(POLL_SECONDS):
            if not self._keep_waiting(time.monotonic() - began, limit()):
                return False
        return True

    def _keep_waiting(self, seconds: float, limit: float) -> bool:
        """Return whether to keep waiting for the client. The user of the session is notified and can stop it."""
        if seconds > SILENT_SECONDS and self._notify is not None:
            self._notify(
                "the line of the other terminal does not respond (stopped with Ctrl-Z?); press Ctrl-C here to drop it"
            )
            self._notify = None
        return seconds < (STOPPED_SECONDS if self._stop.is_set() else limit)
