"""An engine in a process of its own: the session's process stays responsive and survives its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from invoke_cli.engine import (
    Engine,
    EngineSettings,
    Hooks,
    ImageResult,
    Job,
    Memory,
    Model,
    open_engine,
)
from invoke_cli.errors import EngineLost
from invoke_cli.events import Level, Notice
from invoke_cli.package_environment import environment_with_package
from invoke_cli.server.connection import Connection, ConnectionLost, NotSendable
from invoke_cli.server.exchange import Exchange
from invoke_cli.server.forwarding import ForwardedCalls
from invoke_cli.server.handles import Handles
from invoke_cli.server.sockets import AVAILABLE

STOP_SECONDS = 0.5  # how long a stopped line waits for the end of its step
_END_SECONDS = 2.0
NO_MEMORY = Memory(device="", free=0, total=0, used=0, peak=0)
_SILENT_HOOKS = Hooks(emit=lambda _: None)


class EngineProcess(Protocol):
    """A process with an engine, on this machine or another one.

    Attributes:
        exchange: The exchange with it.
    """

    exchange: Exchange

    @property
    def has_ended(self) -> bool:
        """Whether it has ended by itself."""

    def owns(self, state: object) -> bool:
        """Return whether a state is in this process."""

    def kill(self) -> None:
        """End it at once. May be called from any thread."""

    def end(self) -> str:
        """End it; return how it has ended, as words."""


OpenProcess = Callable[[EngineSettings, Hooks], EngineProcess]


def open_process_engine(settings: EngineSettings, hooks: Hooks, line_hooks: Callable[[], Hooks]) -> Engine:
    """Start an engine in a process of its own, or open one in this process where sockets cannot be inherited.

    Args:
        settings: The engine's settings.
        hooks: The hooks for the start.
        line_hooks: Returns the hooks for starting it again while a line runs.

    Raises:
        Interrupted: The user stopped the wait.
        InvokeError: The engine cannot be opened with these settings.
    """
    if not AVAILABLE:
        return open_engine(settings)
    engine = ProcessEngine(settings, line_hooks)
    engine.start(hooks)
    return engine


class ProcessEngine(ForwardedCalls):
    """An `Engine` in a process of its own.

    If the process ends unexpectedly, the running call fails, and the next one starts another process. Calls of other
    threads wait, except for `environment`, `memory` and `loaded`, which then return what was last known.
    """

    def __init__(
        self, settings: EngineSettings, line_hooks: Callable[[], Hooks], open_process: OpenProcess | None = None
    ) -> None:
        self._settings, self._line_hooks = settings, line_hooks
        self._open_process = open_process or (lambda settings, _: LocalProcess(settings))
        self._process: EngineProcess | None = None
        self._lock = threading.RLock()
        self._environment: Mapping[str, object] = {}
        self._memory = NO_MEMORY
        self._loaded: tuple[str, ...] = ()

    def start(self, hooks: Hooks) -> None:
        """Start the process and wait until it has imported its libraries."""
        with self._lock:
            process = self._process = self._open_process(self._settings, hooks)
            try:
                self._environment = process.exchange.result("environment", (), hooks)
                self._memory = process.exchange.result("memory", (), hooks)
            except ConnectionLost as lost:
                raise self._lost(lost) from None
            except BaseException:
                self.unload()
                raise

    # -- the protocol -------------------------------------------------------------------------------------------------

    def generate(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        """Yield the job's images."""
        with self._lock:
            try:
                yield from self._running().results(job, hooks)
            except ConnectionLost as lost:
                raise self._lost(lost) from None

    def environment(self) -> Mapping[str, object]:
        """Return versions, device, dtype and threads; they are queried when the process starts."""
        return self._environment

    def memory(self) -> Memory:
        """Return the memory of the device."""
        self._refresh()
        return self._memory

    def loaded(self) -> tuple[str, ...]:
        """Return the names of the loaded models."""
        self._refresh()
        return self._loaded

    def _refresh(self) -> None:
        """Query what changes, unless a call of another thread is running."""
        if self._lock.acquire(blocking=False):
            try:
                self._memory, self._loaded = self._request("memory"), self._request("loaded")
            finally:
                self._lock.release()

    def save(self, model: Model, folder: Path, hooks: Hooks) -> None:
        """Write the model in the diffusers layout."""
        self._request("save", model, folder, hooks=hooks)

    def unpickle(self, source: Path, target: Path) -> None:
        """Convert a pickle file to safetensors."""
        self._request("unpickle", source, target)

    def unload(self) -> None:
        """End the process, which releases all memory."""
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def owns(self, state: object) -> bool:
        """Return whether a state that a job starts from is in this process."""
        process = self._process
        return process is not None and process.owns(state)

    def kill(self) -> None:
        """End the process at once, in the middle of a call. May be called from any thread."""
        process = self._process
        if process is not None:
            process.kill()

    # -- requests -----------------------------------------------------------------------------------------------------

    def _request(self, name: str, *arguments: object, hooks: Hooks | None = None, required: object = None) -> Any:  # noqa: ARG002  # states of an engine that has ended are rejected by their handles
        with self._lock:
            try:
                return self._running().result(name, arguments, hooks or _SILENT_HOOKS)
            except ConnectionLost as lost:
                raise self._lost(lost) from None

    def _running(self) -> Exchange:
        """Return the exchange with the process, starting another one if it has ended."""
        hooks = self._line_hooks()
        if self._process is not None and self._process.has_ended:
            reason, self._process = self._process.end(), None
            hooks.emit(Notice(text=f"the engine's process has ended ({reason})", level=Level.WARNING))
        if self._process is None:
            hooks.emit(Notice(text="starting the engine again"))
            self.start(hooks)
        assert self._process is not None
        return self._process.exchange

    def _lost(self, lost: ConnectionLost) -> EngineLost:
        """Return the error for a call whose process has ended, or that cannot be sent."""
        if isinstance(lost, NotSendable):
            hint = "enter the line again; finished images are kept"
            return EngineLost(f"the engine cannot continue this line: {lost}", hint=hint)
        process, self._process = self._process, None
        reason = process.end() if process is not None else "it was closed"
        hint = "finished images are kept; the next line starts the engine again"
        return EngineLost(f"the engine's process has ended: {reason}", hint=hint)


class LocalProcess:
    """A process on this machine and the exchange with it."""

    def __init__(self, settings: EngineSettings) -> None:
        ours, theirs = socket.socketpair()
        watched, self._lifeline = os.pipe()
        inherited = (theirs.fileno(), watched)
        # -P keeps modules in the current folder from being imported.
        command = [sys.executable, "-P", "-m", "invoke_cli.server.engine_process", *map(str, inherited)]
        try:
            self._process = subprocess.Popen(
                [*command, json.dumps(asdict(settings))], env=environment_with_package(), pass_fds=inherited,
                start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        finally:
            theirs.close()
            os.close(watched)
        handles = self._handles = Handles()
        self._connection = Connection(ours, handles, keep_waiting=lambda _: self._process.poll() is None)
        self.exchange = Exchange(self._connection, handles, STOP_SECONDS)

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended by itself."""
        return self._process.poll() is not None

    def owns(self, state: object) -> bool:
        """Return whether a state is in this process."""
        return self._handles.owns(state)

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def end(self) -> str:
        """End the process; return how it has ended, as words."""
        self._connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.2)  # it may have ended by itself: its status tells why
        with contextlib.suppress(OSError):
            os.close(self._lifeline)
        try:
            status = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        return _reason(status)


def _reason(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
    return f"it was killed ({name}), perhaps because memory ran out" if -status == signal.SIGKILL else f"by {name}"
