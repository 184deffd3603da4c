"""An engine in an actor of a Ray cluster, as a process of the engine: the messages go through Ray."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from invoke_cli.engine import EngineSettings, Hooks
from invoke_cli.errors import Interrupted, WorkerGone
from invoke_cli.events import Notice
from invoke_cli.server.connection import INVALID, ConnectionLost, Message, pack_message, unpack_message
from invoke_cli.server.exchange import Exchange
from invoke_cli.server.handles import Handles
from invoke_cli.server.process_engine import STOP_SECONDS
from invoke_cli.server.serialization import Unpacker
from invoke_cli.version import __version__
from invoke_cli.workers.portable import Files, PortablePacker
from invoke_cli.workers.ray_actor import Parts
from invoke_cli.workers.ray_cluster import ActorLost, Place, RayCluster

_FETCH_SECONDS = 10.0
_POLL_SECONDS = 0.2
_NOTICE_SECONDS = 10.0
_DELIVERY_SECONDS = 60.0


class RayProcess:
    """An actor with an engine.

    Attributes:
        exchange: The exchange with it.

    Args:
        cluster: The cluster.
        actor: The actor.
        files: The models and files of this machine.
    """

    def __init__(self, cluster: RayCluster, actor: Any, files: Files) -> None:
        self._cluster, self._actor = cluster, actor
        self._handles = Handles()
        self._channel = _Channel(cluster, actor, self._handles, files)
        self.exchange = Exchange(self._channel, self._handles, STOP_SECONDS)

    @property
    def has_ended(self) -> bool:
        """Whether the actor has ended by itself."""
        return self._channel.has_ended

    def owns(self, state: object) -> bool:
        """Return whether a state is in this actor."""
        return self._handles.owns(state)

    def kill(self) -> None:
        """End the actor at once."""
        self._cluster.kill(self._actor)

    def end(self) -> str:
        """End the actor; return how it has ended, as words."""
        self._cluster.kill(self._actor)
        return self._channel.reason or "it was closed"


class RayProcesses:
    """Starts actors.

    Args:
        cluster: The cluster.
        files: The models and files of this machine.
        root: The root folder on the nodes; empty for the default one of each node.
    """

    def __init__(self, cluster: RayCluster, files: Files, root: str) -> None:
        self._cluster, self._files, self._root = cluster, files, root

    def at(self, place: Place) -> Callable[[EngineSettings, Hooks], RayProcess]:
        """Return a function that starts an actor at a place, and waits until Ray has the resources for it."""

        def start(settings: EngineSettings, hooks: Hooks) -> RayProcess:
            actor = self._cluster.start_actor(place, asdict(settings), self._root)
            try:
                self._confirm_version(actor, place, hooks)
            except BaseException:
                self._cluster.kill(actor)
                raise
            return RayProcess(self._cluster, actor, self._files)

        return start

    def _confirm_version(self, actor: Any, place: Place, hooks: Hooks) -> None:
        """Wait until an actor runs. Raises WorkerGone if it cannot, or if its node has another version."""
        try:
            reference = actor.version.remote()
            self._wait(reference, place, hooks)
            version = self._cluster.result(reference)
        except ActorLost as lost:
            hint = "invoke-cli must be installed on each node, with the same versions of Python and Ray"
            raise WorkerGone(f"no engine can be started on {place.node.name}: {lost}", hint=hint) from None
        if version != __version__:
            hint = f"install invoke-cli {__version__} there"
            raise WorkerGone(f"{place.node.name} has version {version} of the program, not {__version__}", hint=hint)

    def _wait(self, reference: Any, place: Place, hooks: Hooks) -> None:
        began, notified = time.monotonic(), False
        while not self._cluster.is_ready(reference, _POLL_SECONDS):
            if hooks.stopped():
                raise Interrupted("stopped")
            waited = time.monotonic() - began
            if waited > _NOTICE_SECONDS and not notified:
                hooks.emit(Notice(text=f"waiting until the Ray cluster has free resources on {place.node.name}"))
                notified = True
            if notified and not self._cluster.is_alive(place.node):
                raise WorkerGone(f"{place.node.name} has left the cluster")


class _Channel:
    """The session's side of the exchange with an actor."""

    def __init__(self, cluster: RayCluster, actor: Any, handles: Handles, files: Files) -> None:
        self._cluster, self._actor, self._handles, self._files = cluster, actor, handles, files
        self._fetching: Any = None
        self._received: deque[Parts] = deque()
        self.reason = ""

    @property
    def has_ended(self) -> bool:
        """Whether the actor is known to have ended."""
        return bool(self.reason)

    def send(self, kind: str, **values: object) -> None:
        """Send a message, and wait until it has arrived: otherwise a later one could overtake it."""
        packer = PortablePacker(states=self._handles, files=self._files)
        line = pack_message(packer, kind, values)
        reference = self._actor.deliver.remote((line.encode("ascii"), *packer.blobs))
        if not self._cluster.is_ready(reference, _DELIVERY_SECONDS):
            raise self._lost("it does not answer")
        self._result(reference)

    def is_readable(self, seconds: float = 0.0) -> bool:
        """Return whether a message, or the end of the actor, arrives within this many seconds."""
        if self._received:
            return True
        if self._fetching is None:
            self._fetching = self._actor.fetch.remote(_FETCH_SECONDS)
        if not self._cluster.is_ready(self._fetching, seconds):
            return False
        reference, self._fetching = self._fetching, None
        self._received.extend(self._result(reference))
        return bool(self._received)

    def receive(self) -> Message:
        """Return the next message."""
        while not self.is_readable(_POLL_SECONDS):
            pass
        parts = self._received.popleft()
        try:
            return unpack_message(Unpacker(states=self._handles, blobs=parts[1:]), json.loads(parts[0]))
        except INVALID as error:
            raise ConnectionLost(str(error)) from None

    def close(self) -> None:
        """Give up the actor."""
        self.reason = self.reason or "the connection was closed"

    def _result(self, reference: Any) -> Any:
        try:
            return self._cluster.result(reference)
        except ActorLost as lost:
            raise self._lost(str(lost)) from None

    def _lost(self, reason: str) -> ConnectionLost:
        self.reason = reason
        return ConnectionLost(reason)
