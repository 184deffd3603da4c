"""Admit clients of a session: their greetings are read side by side, so that none waits for a slow or silent one."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Callable

from invoke_cli.server.client_request import ClientRequest
from invoke_cli.server.connection import POLL_SECONDS
from invoke_cli.server.sockets import is_own

GREETING_SECONDS = 2.0
# The connections that may be without a complete greeting, and the clients that may wait or be served.
MAX_GREETINGS, MAX_CLIENTS = 32, 16


class Admission:
    """Accepts connections on a listening socket and passes the clients to `receive`, on the thread that calls `run`.

    Args:
        listener: The listening socket, which is closed at the end.
        program: The compatibility key that clients must have.
        receive: Receives each admitted client.
    """

    def __init__(self, listener: socket.socket, program: str, receive: Callable[[ClientRequest], None]) -> None:
        self._listener, self._program, self._receive = listener, program, receive
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = socket.socketpair()
        self._deadlines: dict[ClientRequest, float] = {}  # the oldest first
        self._clients: list[ClientRequest] = []

    def close(self) -> None:
        """End `run`, from another thread."""
        with contextlib.suppress(OSError):
            self._wake.send(b"x")

    def run(self) -> None:
        """Admit clients until `close` is called."""
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        while self._woken not in (ready := self._wait()):
            for source in ready:
                if isinstance(source, ClientRequest):
                    self._read_greeting(source)
                else:
                    self._accept()
            self._drop_late()
        for request in list(self._deadlines):
            self._drop(request)
        self._selector.close()
        for end in (self._listener, self._woken, self._wake):
            end.close()

    def _wait(self) -> list[object]:
        """Wait until a connection, a part of a greeting or the request to end arrives, or a greeting is late."""
        deadline = min(self._deadlines.values(), default=None)
        seconds = None if deadline is None else max(0.0, deadline - time.monotonic())
        return [key.data or key.fileobj for key, _ in self._selector.select(seconds)]

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return  # the client has given up
        except OSError:
            time.sleep(POLL_SECONDS)  # for example too many open files
            return
        if not is_own(connection):
            connection.close()
            return
        if len(self._deadlines) >= MAX_GREETINGS:
            self._drop(next(iter(self._deadlines)))
        request = ClientRequest(connection)
        self._selector.register(request, selectors.EVENT_READ, request)
        self._deadlines[request] = time.monotonic() + GREETING_SECONDS

    def _read_greeting(self, request: ClientRequest) -> None:
        program = request.read_greeting()
        if program is None:
            return
        self._clients = [client for client in self._clients if client.is_connected()]
        if program == self._program and len(self._clients) < MAX_CLIENTS and request.welcome():
            self._forget(request)
            self._clients.append(request)
            self._receive(request)
        else:
            request.refuse()
            self._drop(request)

    def _drop_late(self) -> None:
        now = time.monotonic()
        for request in [request for request, deadline in self._deadlines.items() if deadline <= now]:
            self._drop(request)

    def _drop(self, request: ClientRequest) -> None:
        self._forget(request)
        request.disconnect()

    def _forget(self, request: ClientRequest) -> None:
        self._selector.unregister(request)
        del self._deadlines[request]
