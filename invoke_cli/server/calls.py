"""Run the engine calls that arrive over a connection, and send back events, results and errors."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping

from invoke_cli.engine import Engine, Hooks
from invoke_cli.engine.counters import Counters
from invoke_cli.errors import InvokeError
from invoke_cli.events import Event
from invoke_cli.server.connection import Channel, ConnectionLost, Message, NotSendable
from invoke_cli.server.handles import CachedStates
from invoke_cli.server.preview_throttle import PreviewThrottle
from invoke_cli.server.remote_errors import RUN_ALONE, error_to_message, pack_counters

# The engine methods that any client may call, and whether they take hooks.
CALLS: Mapping[str, bool] = {
    "load": True, "check": False, "check_loras": True, "apply_network": True, "upscale": True, "tokens": True,
    "segment": False, "best_fast": False, "environment": False, "memory": False, "estimate": False, "loaded": False,
}  # fmt: skip
# Those that only the session that started the engine's process may call, too.
OWNER_CALLS: Mapping[str, bool] = {**CALLS, "save": True, "unpickle": False}


class CallRunner:
    """Runs the calls of one client.

    Args:
        connection: The connection to the client.
        states: The engine states that the client refers to.
        stopped: Whether the job is to stop for another reason than the client's request.
        allowed: The methods that the client may call, and whether they take hooks.
    """

    def __init__(
        self,
        connection: Channel,
        states: CachedStates,
        stopped: Callable[[], bool] = lambda: False,
        allowed: Mapping[str, bool] = CALLS,
    ) -> None:
        self._connection, self._states, self._stopped_otherwise, self._allowed = connection, states, stopped, allowed
        self._is_cancelled = False

    def answer(self, open_engine: Callable[[], Engine], message: Message) -> None:
        """Run a call and send its result or its error."""
        counters = Counters()
        try:
            value = self._run(open_engine, message, counters)
            self._connection.send("end", value=value, counters=pack_counters(counters))
        except InvokeError as error:
            self._fail(error, counters)
        except NotSendable as error:
            self._fail(InvokeError(f"the running session cannot send its result: {error}", hint=RUN_ALONE), counters)

    def report_bug(self, error: Exception) -> None:
        """Send an unexpected error with its traceback."""
        text = "".join(traceback.format_exception(error))
        self._connection.send("bug", text=text[-20_000:], counters=pack_counters(Counters()))

    def _fail(self, error: InvokeError, counters: Counters) -> None:
        self._connection.send("failed", error=error_to_message(error), counters=pack_counters(counters))

    def _run(self, open_engine: Callable[[], Engine], message: Message, counters: Counters) -> object:
        self._is_cancelled = False
        hooks = Hooks(emit=self._emit, stopped=self._stopped, counters=counters, viewer=PreviewThrottle())
        self._states.keep(message.value("keep"))
        name, arguments = message.value("name"), message.value("arguments")
        engine = open_engine()
        if name == "generate":
            (job,) = arguments
            for result in engine.generate(job, hooks):
                self._connection.send("result", value=result)
            return None
        if name not in self._allowed:
            raise ConnectionLost(f"no such engine call: {name}")
        return getattr(engine, name)(*arguments, *([hooks] if self._allowed[name] else []))

    def _emit(self, event: Event) -> None:
        """Send an event to the client. If the client is gone, its job stops after the current step."""
        try:
            self._connection.send("event", event=event)
        except ConnectionLost:
            self._is_cancelled = True

    def _stopped(self) -> bool:
        """Return whether the job is to stop: on request of the client or session, or because the client is gone."""
        if not self._is_cancelled and self._connection.is_readable():
            try:
                self._is_cancelled = self._connection.receive().kind == "stop"
            except ConnectionLost:
                self._is_cancelled = True
        return self._is_cancelled or self._stopped_otherwise()
