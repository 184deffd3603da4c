"""The client's side of a connection to an engine: send a call, pass on its events, and return its results."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from invoke_cli.engine import Hooks, ImageResult, Job
from invoke_cli.errors import Interrupted, InvokeError
from invoke_cli.events import Notice
from invoke_cli.server.connection import POLL_SECONDS, Channel, ConnectionLost, Message
from invoke_cli.server.handles import Handles
from invoke_cli.server.preview_throttle import with_wanted_preview, without_unseen_previews
from invoke_cli.server.remote_errors import EngineBug, add_counters, error_from_message

_STOP_HOOKS = Hooks(emit=lambda _: None, stopped=lambda: True)
_NOTICE_SECONDS = 1.0


class Exchange:
    """The calls over one connection. Use it on one thread at a time.

    Args:
        connection: The connection.
        handles: The handles of states on the other side.
        patience: How long to wait for the end of a step after the user has stopped a call, in seconds. Then the call is
            abandoned, and the next one waits for its end. None waits as long as it takes.
    """

    def __init__(self, connection: Channel, handles: Handles, patience: float | None = None) -> None:
        self._connection, self._handles, self._patience = connection, handles, patience
        self._is_abandoned = False

    def result(self, name: str, arguments: tuple[object, ...], hooks: Hooks) -> Any:
        """Return the result of a call.

        Raises:
            ConnectionLost: The other side is gone.
            InvokeError: The call failed.
        """
        self._call(name, arguments, hooks)
        message = self._next_message(hooks)
        self._finish_call(message, hooks)
        return message.value("value")

    def results(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        """Yield the images of a job. Raises the same errors."""
        self._call("generate", (without_unseen_previews(job, hooks.viewer),), hooks)
        ended = False
        try:
            while (message := self._next_message(hooks)).kind == "result":
                yield message.value("value")
            ended = True
            self._finish_call(message, hooks)
        except (ConnectionLost, InvokeError):
            ended = True
            raise
        finally:
            if not ended:
                self._discard_results()

    # -- messages -----------------------------------------------------------------------------------------------------

    def _call(self, name: str, arguments: tuple[object, ...], hooks: Hooks) -> None:
        if self._is_abandoned:
            self._wait_for_end(hooks)
        self._connection.send("call", name=name, arguments=arguments, keep=self._handles.numbers_in_use())

    def _next_message(self, hooks: Hooks) -> Message:
        """Return the next message that is not an event, and emit the events. A request to stop is sent once."""
        stopped_at: float | None = None
        while True:
            if stopped_at is None and hooks.stopped():
                self._connection.send("stop")
                stopped_at = time.monotonic()
            if stopped_at is not None:
                self._check_patience(stopped_at)
            if not self._connection.is_readable(POLL_SECONDS):
                continue
            message = self._connection.receive()
            if message.kind != "event":
                return message
            hooks.emit(with_wanted_preview(message.value("event"), hooks.viewer))

    def _check_patience(self, stopped_at: float) -> None:
        """Abandon the call if its step does not end in time. Raises Interrupted."""
        if self._patience is not None and time.monotonic() - stopped_at >= self._patience:
            self._is_abandoned = True
            raise Interrupted("stopped")

    def _wait_for_end(self, hooks: Hooks) -> None:
        """Wait for the end of an abandoned call. Raises Interrupted if the user stops the wait."""
        began, notified = time.monotonic(), False
        while True:
            while not self._connection.is_readable(POLL_SECONDS):
                if hooks.stopped():
                    raise Interrupted("stopped")
                if not notified and time.monotonic() - began > _NOTICE_SECONDS:
                    hooks.emit(Notice(text="waiting for the end of the step that was stopped"))
                    notified = True
            if self._connection.receive().kind not in ("event", "result"):
                break
        self._is_abandoned = False

    @staticmethod
    def _finish_call(message: Message, hooks: Hooks) -> None:
        """Add the counters of the other side, and raise its error, if any."""
        try:
            add_counters(hooks.counters, message.value("counters"))
            failure = error_from_message(message.value("error")) if message.kind == "failed" else None
        except (KeyError, TypeError, ValueError) as error:
            raise ConnectionLost(f"invalid reply: {error}") from None
        if failure is not None:
            raise failure
        if message.kind == "bug":
            raise EngineBug(str(message.value("text")))

    def _discard_results(self) -> None:
        """Stop the job and discard its remaining results; without patience, wait for the current step to end."""
        try:
            while self._next_message(_STOP_HOOKS).kind == "result":
                pass
        except Interrupted:
            pass  # the next call waits for its end
        except ConnectionLost:
            self._connection.close()
