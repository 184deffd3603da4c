"""A Ray cluster without Ray: actors are objects in this process, whose methods run on threads."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from typing import Any

from invoke_cli.workers.ray_actor import EngineActor
from invoke_cli.workers.ray_cluster import ActorLost, Node, Place, RayCluster


class FakeCluster(RayCluster):
    """A cluster of this many CPU nodes.

    Attributes:
        actors: The actors that were started.
        roots: The root folder of a node, if it is not the one that the session asks for.
    """

    def __init__(self, names: Sequence[str], cpus: int = 1, gpus: int = 0) -> None:
        self._nodes = [Node(key=name, name=name, cpus=cpus, gpus=gpus) for name in names]
        self.actors: list[FakeActor] = []
        self.roots: dict[str, str] = {}
        self.versions: dict[str, str] = {}

    def nodes(self) -> Sequence[Node]:
        return list(self._nodes)

    def add(self, name: str) -> None:
        """Add a node."""
        self._nodes.append(Node(key=name, name=name, cpus=1, gpus=0))

    def remove(self, name: str) -> None:
        """Remove a node with its actors."""
        self._nodes = [node for node in self._nodes if node.name != name]
        for actor in self.actors:
            if actor.place.node.name == name:
                actor.kill()

    def start_actor(self, place: Place, settings: Mapping[str, object], root: str) -> Any:
        actor = FakeActor(place, settings, self.roots.get(place.node.name, root), self.versions.get(place.node.name))
        if not self.is_alive(place.node):
            actor.kill()
        self.actors.append(actor)
        return actor

    def is_ready(self, reference: Any, seconds: float) -> bool:
        return bool(wait([reference], seconds).done)

    def result(self, reference: Any) -> Any:
        return reference.result()

    def kill(self, actor: Any) -> None:
        actor.kill()


class FakeActor:
    """An actor; a method that is called as in Ray returns a future."""

    def __init__(self, place: Place, settings: Mapping[str, object], root: str, version: str | None) -> None:
        self.place = place
        self.is_dead = False
        self._actor = EngineActor(place.name, settings, root)
        self._pending: list[Future[Any]] = []
        self._lock = threading.Lock()
        self.deliver, self.fetch = _Method(self, self._actor.deliver), _Method(self, self._actor.fetch)
        self.version = _Method(self, lambda: version or self._actor.version())

    def kill(self) -> None:
        """End the actor: all its calls fail."""
        with self._lock:
            self.is_dead = True
            pending, self._pending = self._pending, []
        for future in pending:
            if not future.done():
                future.set_exception(ActorLost("the actor was killed"))

    def call(self, method: Any, arguments: Sequence[object]) -> Future[Any]:
        """Call a method on a thread of its own."""
        future: Future[Any] = Future()
        with self._lock:
            if self.is_dead:
                future.set_exception(ActorLost("the actor is dead"))
                return future
            self._pending.append(future)
        threading.Thread(target=self._run, args=[future, method, arguments], daemon=True).start()
        return future

    def _run(self, future: Future[Any], method: Any, arguments: Sequence[object]) -> None:
        value = method(*arguments)
        with self._lock:
            if not future.done():
                future.set_result(value)
                self._pending.remove(future)


class _Method:
    def __init__(self, actor: FakeActor, method: Any) -> None:
        self._actor, self._method = actor, method

    def remote(self, *arguments: object) -> Future[Any]:
        return self._actor.call(self._method, arguments)
