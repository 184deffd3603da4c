"""An engine in an actor of a Ray cluster. Ray runs this class on the actor's node, in the version installed there."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from invoke_cli.context.openmp import wait_passively
from invoke_cli.engine import EngineSettings
from invoke_cli.engine.counters import Counters
from invoke_cli.errors import InvokeError
from invoke_cli.server.connection import INVALID, ConnectionLost, Message, pack_message, unpack_message
from invoke_cli.server.engine_process import answer_calls
from invoke_cli.server.handles import CachedStates
from invoke_cli.server.remote_errors import error_to_message, pack_counters
from invoke_cli.server.serialization import Packer
from invoke_cli.version import __version__
from invoke_cli.workers.portable import Files, PortableUnpacker, files_of_this_machine

# A message: its head as JSON, then its blobs.
Parts = tuple[bytes, ...]
METHODS_AT_ONCE = 4  # one that waits for messages, one that delivers them, and some to spare


class EngineActor:
    """Answers the calls of the engine's protocol: messages arrive by one method and are fetched by another.

    Args:
        name: The worker's name in messages.
        settings: The fields of the engine's settings.
        root: The root folder on this node; empty for the default one.
    """

    def __init__(self, name: str, settings: Mapping[str, Any], root: str) -> None:
        wait_passively()
        self._queues = _Queues(name, root)
        states = self._queues.states
        arguments = (self._queues, states, EngineSettings(**settings))
        threading.Thread(target=answer_calls, args=arguments, name="invoke-engine", daemon=True).start()

    def version(self) -> str:
        """Return the version of the program on this node."""
        return __version__

    def deliver(self, parts: Parts) -> None:
        """Deliver a message."""
        self._queues.arrived.put(parts)

    def fetch(self, seconds: float) -> Sequence[Parts]:
        """Return the messages for the session; waits this long for the first of them."""
        return self._queues.fetch(seconds)


class _Queues:
    """The actor's side of the exchange, between two queues of messages."""

    def __init__(self, name: str, root: str) -> None:
        self._name, self._root = name, root
        self._files: Files | None = None
        self.states = CachedStates()
        self.arrived: queue.Queue[Parts] = queue.Queue()
        self._first: Parts | None = None
        self._leaving: queue.Queue[Parts] = queue.Queue()

    def fetch(self, seconds: float) -> Sequence[Parts]:
        """Return the messages that were sent, after waiting for the first one."""
        found: list[Parts] = []
        with contextlib.suppress(queue.Empty):
            found.append(self._leaving.get(timeout=seconds))
            while True:
                found.append(self._leaving.get_nowait())
        return found

    def send(self, kind: str, **values: object) -> None:
        """Send a message."""
        packer = Packer(states=self.states)
        line = pack_message(packer, kind, values)
        self._leaving.put((line.encode("ascii"), *packer.blobs))

    def is_readable(self, seconds: float = 0.0) -> bool:
        """Return whether a message arrives within this many seconds."""
        if self._first is None:
            try:
                self._first = self.arrived.get(block=seconds > 0, timeout=seconds or None)
            except queue.Empty:
                return False
        return True

    def receive(self) -> Message:
        """Return the next message; one that needs what this node lacks is answered with an error."""
        while True:
            parts, self._first = self._first or self.arrived.get(), None
            try:
                return self._unpacked(parts)
            except InvokeError as error:
                self.send("failed", error=error_to_message(error), counters=pack_counters(Counters()))

    def close(self) -> None:
        """Nothing to close: the session ends the actor."""

    def _unpacked(self, parts: Parts) -> Message:
        if self._files is None:
            self._files = files_of_this_machine(self._root)
        unpacker = PortableUnpacker(states=self.states, blobs=parts[1:], files=self._files, name=self._name)
        try:
            return unpack_message(unpacker, json.loads(parts[0]))
        except INVALID as error:
            raise ConnectionLost(str(error)) from None
