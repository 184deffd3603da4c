"""The server: a session accepts clients and runs their engine calls, one client after the other, on one thread."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from invoke_cli.context.settings import Settings
from invoke_cli.engine import Engine
from invoke_cli.server.calls import CallRunner
from invoke_cli.server.connection import POLL_SECONDS, STALL_SECONDS, Connection, ConnectionLost
from invoke_cli.server.handles import CachedStates
from invoke_cli.server.sockets import compatibility_key, is_own, listen

IDLE_SECONDS = 15.0
# The time after which an unresponsive client is reported, and the time limit for it after a request to stop.
SILENT_SECONDS, STOPPED_SECONDS = 3.0, 1.0
GREETING_SECONDS = 2.0


class ClientRequest:
    """A client that is queued, served and disconnected. `stop` may be called from any thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._states = CachedStates()
        self._connection = Connection(
            connection, self._states, lambda seconds: self._keep_waiting(seconds, STALL_SECONDS)
        )
        self._stop = threading.Event()
        self._calls = CallRunner(self._connection, self._states, self._stop.is_set)
        self._notify: Callable[[str], None] | None = None

    def accept(self, program: str) -> bool:
        """Read the client's greeting and reply to it. Return whether the client is compatible with this session."""
        try:
            hello = self._connection.receive() if self._connection.is_readable(GREETING_SECONDS) else None
            is_accepted = hello is not None and hello.kind == "hello" and hello.values == {"program": program}
            self._connection.send("welcome" if is_accepted else "refused")
        except ConnectionLost:
            return False
        return is_accepted

    def stop(self) -> None:
        """Stop the client's job after the current step."""
        self._stop.set()

    def disconnect(self) -> None:
        """Close the connection. A client that was not served yet continues without the session."""
        self._connection.close()

    def serve(self, open_engine: Callable[[], Engine], notify: Callable[[str], None]) -> None:
        """Run the client's calls until it disconnects or is idle for too long.

        Args:
            open_engine: Opens the engine of the session.
            notify: Receives a message for the user of the session if the client does not respond.
        """
        self._notify = notify
        try:
            self._connection.send("turn")
            while self._wait_for_call():
                message = self._connection.receive()
                if message.kind == "call":
                    self._calls.answer(open_engine, message)
        except ConnectionLost:
            pass
        finally:
            self.disconnect()

    # -- unresponsive clients ---------------------------------------------------------------------------------------

    def _wait_for_call(self) -> bool:
        """Wait for a message. Return whether one arrived in time."""
        began = time.monotonic()
        while not self._connection.is_readable(POLL_SECONDS):
            if not self._keep_waiting(time.monotonic() - began, IDLE_SECONDS):
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


class EngineServer:
    """Accepts clients on a thread and passes them to `receive`."""

    def __init__(self, settings: Settings, receive: Callable[[ClientRequest], None]) -> None:
        self._kind = compatibility_key(settings)
        self._receive = receive
        self._listener: socket.socket | None = None
        self._path: Path | None = None

    def open(self) -> None:
        """Start accepting clients. Does nothing where Unix sockets are not available."""
        opened = listen(self._kind)
        if opened is not None:
            self._listener, self._path = opened
            threading.Thread(
                target=self._accept_clients, args=[self._listener], name="invoke-server", daemon=True
            ).start()

    def close(self) -> None:
        """Stop accepting clients."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def _accept_clients(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # closed
            request = ClientRequest(connection)
            if is_own(connection) and request.accept(self._kind):
                self._receive(request)
            else:
                request.disconnect()
