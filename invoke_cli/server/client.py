"""The client: an engine that forwards its calls to a running session, or to a local engine if there is none."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from invoke_cli.engine import (
    Engine,
    Hooks,
    ImageResult,
    Job,
    Memory,
    Model,
)
from invoke_cli.errors import Interrupted, InvokeError
from invoke_cli.events import Notice
from invoke_cli.server.connection import (
    POLL_SECONDS,
    Connection,
    ConnectionLost,
    NotSendable,
    has_passed,
    seconds_from_now,
)
from invoke_cli.server.exchange import Exchange
from invoke_cli.server.forwarding import ForwardedCalls
from invoke_cli.server.handles import Handles
from invoke_cli.server.remote_errors import RUN_ALONE
from invoke_cli.server.serialization import Handle
from invoke_cli.server.sockets import connections

REPLY_SECONDS = 5.0
_NOTICE_SECONDS = 1.0
_SILENT_HOOKS = Hooks(emit=lambda _: None)


class RemoteEngine(ForwardedCalls):
    """An `Engine` that forwards its calls to a running session with the compatibility key `kind`.

    When the session is lost, `open_local` opens a local engine in its place.
    """

    def __init__(self, open_local: Callable[[], Engine], kind: str) -> None:
        self._open_local = open_local
        self._kind = kind
        self._local: Engine | None = None
        self._connection: Connection | None = None
        self._exchange: Exchange | None = None
        self._handles = Handles()
        self._has_reconnected = False
        self._reason = "the running session has ended"
        self._environment: Mapping[str, object] = {}

    def find_session(self, hooks: Hooks) -> bool:
        """Connect to a session and wait until its engine is free.

        Returns:
            Whether a session was found.

        Raises:
            Interrupted: The user stopped the wait.
        """
        for connection in connections(self._kind):
            self._connection = Connection(connection, self._handles)
            with contextlib.suppress(ConnectionLost):
                self._connection.send("hello", program=self._kind)
                if self._connection.is_readable(REPLY_SECONDS) and self._connection.receive().kind == "welcome":
                    self._wait_for_turn(hooks)
                    self._exchange = Exchange(self._connection, self._handles)
                    self._environment = self._exchange.result("environment", (), hooks)
                    return True
            self._disconnect()
        return False

    def _wait_for_turn(self, hooks: Hooks) -> None:
        assert self._connection is not None
        notice_time, notified = seconds_from_now(_NOTICE_SECONDS), False
        while not self._connection.is_readable(POLL_SECONDS):
            if hooks.stopped():
                self._connection.close()
                raise Interrupted("stopped")
            if not notified and has_passed(notice_time):
                hooks.emit(Notice(text="waiting for the running session; use --no_session to run without it"))
                notified = True
        if self._connection.receive().kind != "turn":
            raise ConnectionLost("the session did not start the request")

    # -- the protocol -----------------------------------------------------------------------------------------------

    def generate(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        """Yield the job's images.

        Raises:
            InvokeError: The session was lost after the first image of a chain's later stage.
        """
        received = 0
        while self._exchange is not None:
            try:
                for result in self._exchange.results(job, hooks):
                    received += 1
                    yield result
                self._has_reconnected = False
                return
            except ConnectionLost as lost:
                self._handle_loss(job.start if not received else Handle(0), hooks, lost)
        yield from self._local_engine(hooks).generate(job, hooks)

    def environment(self) -> Mapping[str, object]:
        """Return versions, device, dtype and threads of the session.

        They are queried once, when connecting, since metadata is written on another thread.
        """
        return self._local.environment() if self._local is not None else self._environment

    def memory(self) -> Memory:
        """Return the memory of the session's device."""
        return cast(Memory, self._request("memory"))

    def save(self, model: Model, folder: Path, hooks: Hooks) -> None:
        """Save the model, with a local engine, to keep the session free."""
        self._local_engine().save(model, folder, hooks)

    def unpickle(self, source: Path, target: Path) -> None:
        """Convert a pickle file to safetensors, with a local engine."""
        self._local_engine().unpickle(source, target)

    def unload(self) -> None:
        """Disconnect, which frees the session's engine for the next client."""
        self._disconnect()
        if self._local is not None:
            self._local.unload()

    # -- requests ---------------------------------------------------------------------------------------------------

    def _request(self, name: str, *arguments: object, hooks: Hooks | None = None, required: object = None) -> Any:
        """Return the result of a call of the session's engine, or of the local one if the session is lost.

        Args:
            name: The method of `Engine`.
            arguments: Its arguments without the hooks.
            hooks: Its hooks, if it takes any.
            required: A value that only the session can provide; if it is a handle, the call cannot be repeated.
        """
        while self._exchange is not None:
            try:
                answer = self._exchange.result(name, arguments, hooks or _SILENT_HOOKS)
                self._has_reconnected = False
                return answer
            except ConnectionLost as lost:
                self._handle_loss(required, hooks or _SILENT_HOOKS, lost)
        return getattr(self._local_engine(hooks), name)(*arguments, *([hooks] if hooks else []))

    def _handle_loss(self, required: object, hooks: Hooks, lost: ConnectionLost) -> None:
        """Handle a lost connection: reconnect once, since a session disconnects idle clients.

        A message that cannot be sent leads to the local engine instead.

        Args:
            required: A value of the lost session that the call needs, if any.
            hooks: The hooks of the call.
            lost: The error.

        Raises:
            InvokeError: The call needs a value of the lost session.
        """
        self._disconnect()
        unsendable = isinstance(lost, NotSendable)
        if isinstance(required, Handle):
            message = "the session was closed before this line was finished"
            raise InvokeError(
                f"the running session cannot continue this line: {lost}" if unsendable else message,
                hint=RUN_ALONE if unsendable else "enter the line again; finished images are kept",
            )
        if unsendable:
            self._reason = f"the running session cannot do this ({lost})"
        elif not self._has_reconnected:
            self._has_reconnected = self.find_session(hooks)

    def _local_engine(self, hooks: Hooks | None = None) -> Engine:
        if self._local is None:
            if hooks is not None:
                hooks.emit(Notice(text=f"{self._reason}; loading the model here"))
            self._local = self._open_local()
        return self._local

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._exchange = None
