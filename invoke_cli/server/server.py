"""The session's side: callers are let in, and one after the other has the engine, call by call, on its one thread."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from invoke_cli.context.settings import Settings
from invoke_cli.engine import Engine, Hooks
from invoke_cli.engine.counters import Counters
from invoke_cli.errors import InvokeError
from invoke_cli.events import Event
from invoke_cli.server.connection import LOOK_SECONDS, STALLED_SECONDS, Connection, Gone, Message, Unsendable
from invoke_cli.server.handles import CachedStates
from invoke_cli.server.preview_throttle import PreviewThrottle
from invoke_cli.server.remote_errors import ALONE, counts, told
from invoke_cli.server.sockets import is_own, kind_of, open_door

IDLE_SECONDS = 15.0
# After how long a caller that does not answer is told of, and how long it may take when it was asked to stop.
SILENT_SECONDS, STOPPED_SECONDS = 3.0, 1.0
GREETING_SECONDS = 2.0
# What a caller may ask of the engine, and whether it is given hooks.
CALLS: Mapping[str, bool] = {
    "load": True, "through_network": True, "upscale": True, "tokens": True, "segment": False,
    "environment": False, "memory": False, "estimate": False, "loaded": False,
}  # fmt: skip


class ClientRequest:
    """A caller that waits for its turn with the engine, has it, and leaves. `stop` may come from any thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._kept = CachedStates()
        self._link = Connection(connection, self._kept, lambda seconds: self._waits_on(seconds, STALLED_SECONDS))
        self._stop = threading.Event()
        self._enough = False
        self._tell: Callable[[str], None] | None = None

    def is_welcome(self, program: str) -> bool:
        """Whether the caller has asked, in time, for just what this session has; it is told either way."""
        try:
            hello = self._link.receive() if self._link.waits(GREETING_SECONDS) else None
            welcome = hello is not None and hello.kind == "hello" and hello.said == {"program": program}
            self._link.send("welcome" if welcome else "refused")
        except Gone:
            return False
        return welcome

    def stop(self) -> None:
        """End the caller's work after its step."""
        self._stop.set()

    def leave(self) -> None:
        """End the visit; a caller of which nothing was done yet goes on without the session."""
        self._link.close()

    def serve(self, open_engine: Callable[[], Engine], tell: Callable[[str], None]) -> None:
        """Do what the caller asks for until it leaves, or asks for nothing for too long, which `tell` is told."""
        self._tell = tell
        try:
            self._link.send("turn")
            while self._hears():
                message = self._link.receive()
                if message.kind == "call":
                    self._answer(open_engine, message)
        except Gone:
            pass
        finally:
            self.leave()

    # -- a caller that does not answer ------------------------------------------------------------------------------

    def _hears(self) -> bool:
        """Whether the caller asks for something, in time."""
        began = time.monotonic()
        while not self._link.waits(LOOK_SECONDS):
            if not self._waits_on(time.monotonic() - began, IDLE_SECONDS):
                return False
        return True

    def _waits_on(self, seconds: float, most: float) -> bool:
        """Whether to wait for the caller any longer; whoever is at the session hears of it, and can end it."""
        if seconds > SILENT_SECONDS and self._tell is not None:
            self._tell("the other terminal's line has stopped (with Ctrl-Z?); Ctrl-C here lets it go")
            self._tell = None
        return seconds < (STOPPED_SECONDS if self._stop.is_set() else most)

    # -- one call ---------------------------------------------------------------------------------------------------

    def _answer(self, open_engine: Callable[[], Engine], message: Message) -> None:
        self._enough = False
        hooks = Hooks(emit=self._emit, stopped=self._stopped, counters=Counters(), viewer=PreviewThrottle())
        self._kept.keep(message.value("keep"))
        try:
            value = self._called(open_engine(), message, hooks)
            self._link.send("end", value=value, counters=counts(hooks.counters))
        except InvokeError as error:
            self._link.send("failed", error=told(error), counters=counts(hooks.counters))
        except Unsendable as error:
            failed = InvokeError(f"the open session cannot hand its result over: {error}", hint=ALONE)
            self._link.send("failed", error=told(failed), counters=counts(hooks.counters))

    def _called(self, engine: Engine, message: Message, hooks: Hooks) -> object:
        name, arguments = message.value("name"), message.value("arguments")
        if name == "generate":
            (job,) = arguments
            for result in engine.generate(job, hooks):
                self._link.send("result", value=result)
            return None
        if name not in CALLS:
            raise Gone(f"the engine has no {name}")
        return getattr(engine, name)(*arguments, *([hooks] if CALLS[name] else []))

    def _emit(self, event: Event) -> None:
        """Tell the caller what happens; when it has gone, its work ends after the step, as if it had been stopped."""
        try:
            self._link.send("event", event=event)
        except Gone:
            self._enough = True

    def _stopped(self) -> bool:
        """Whether the work is to end: the caller says so or has gone, or somebody at the session does."""
        if not self._enough and self._link.waits():
            try:
                self._enough = self._link.receive().kind == "stop"
            except Gone:
                self._enough = True
        return self._enough or self._stop.is_set()


class EngineServer:
    """The door of a session: a thread that lets callers in and hands them on as visits."""

    def __init__(self, settings: Settings, receive: Callable[[ClientRequest], None]) -> None:
        self._kind = kind_of(settings)
        self._receive = receive
        self._listener: socket.socket | None = None
        self._path: Path | None = None

    def open(self) -> None:
        """Begin to let callers in; where sockets are not to be had, nobody comes."""
        opened = open_door(self._kind)
        if opened is not None:
            self._listener, self._path = opened
            threading.Thread(target=self._admit, args=[self._listener], name="invoke-door", daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def _admit(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # closed
            visit = ClientRequest(connection)
            if is_own(connection) and visit.is_welcome(self._kind):
                self._receive(visit)
            else:
                visit.leave()
