"""A Ray cluster: its nodes and its actors. Only this module imports Ray, and only when a cluster is used."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from invoke_cli.errors import ConfigError
from invoke_cli.workers.ray_actor import METHODS_AT_ONCE, EngineActor

AUTO = "ray:auto"


def is_ray(workers: str) -> bool:
    """Return whether a value of `--workers` names a Ray cluster."""
    return workers.startswith("ray:")


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A node of a cluster.

    Attributes:
        key: Its identifier in the cluster.
        name: Its name in messages.
        gpus: Its number of GPUs.
        cpus: Its number of CPUs for actors.
    """

    key: str
    name: str
    gpus: int
    cpus: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where an actor runs, and what it asks Ray for.

    Attributes:
        name: The name of its worker.
        node: The node.
        gpus: The GPUs that the actor needs.
        cpus: The CPUs that it needs.
    """

    name: str
    node: Node
    gpus: int
    cpus: int


class RayCluster:
    """An existing cluster.

    Args:
        address: `ray:auto` for the cluster that this machine belongs to, or `ray://HOST:PORT`.

    Raises:
        ConfigError: Ray is not installed, or there is no such cluster.
    """

    def __init__(self, address: str) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        try:
            import ray
        except ImportError:
            hint = "pip install 'invoke-cli[ray]', here and on the machines of the cluster"
            raise ConfigError("workers on a Ray cluster need the package ray", hint=hint) from None
        self._ray: Any = ray
        if not ray.is_initialized():
            self._connect(address)

    def _connect(self, address: str) -> None:
        known = "auto" if address == AUTO else address
        try:
            self._ray.init(known, log_to_driver=False, logging_level="ERROR")
        except (OSError, RuntimeError, ValueError, TimeoutError, ImportError) as error:
            first = (str(error).splitlines() or ["unknown reason"])[0]
            hint = "`ray status` shows the cluster; `ray start --head` starts one on this machine"
            raise ConfigError(f"cannot connect to the Ray cluster {known}: {first}", hint=hint) from None

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that are alive."""
        alive = [row for row in self._ray.nodes() if row["Alive"]]
        named = Counter(str(row["NodeManagerHostname"]) for row in alive)
        return [_node(row, is_unique=named[str(row["NodeManagerHostname"])] == 1) for row in alive]

    def is_alive(self, node: Node) -> bool:
        """Return whether a node is alive."""
        return any(each.key == node.key for each in self.nodes())

    def start_actor(self, place: Place, settings: Mapping[str, object], root: str) -> Any:
        """Start an actor at a place; it begins once the resources are free."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        options = {
            "num_gpus": place.gpus, "num_cpus": place.cpus, "max_concurrency": METHODS_AT_ONCE, "max_restarts": 0,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(place.node.key, soft=False),
        }  # fmt: skip
        return self._ray.remote(EngineActor).options(**options).remote(place.name, settings, root)

    def is_ready(self, reference: Any, seconds: float) -> bool:
        """Return whether the result of a call of an actor, or its error, is there within this many seconds."""
        return bool(self._ray.wait([reference], timeout=seconds)[0])

    def result(self, reference: Any) -> Any:
        """Return the result of a call of an actor.

        Raises:
            ActorLost: The actor has ended, or the call failed.
        """
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            raise ActorLost(_reason(error)) from None

    def kill(self, actor: Any) -> None:
        """End an actor at once."""
        self._ray.kill(actor, no_restart=True)


class ActorLost(Exception):
    """An actor has ended, or cannot be started."""


def _node(row: Mapping[str, Any], *, is_unique: bool) -> Node:
    resources = row.get("Resources", {})
    given, host, key = str(row.get("NodeName") or ""), str(row["NodeManagerHostname"]), str(row["NodeID"])
    fallback = host if is_unique else f"{host} ({key[:6]})"
    name = given if given and given != row.get("NodeManagerAddress") else fallback
    return Node(key=key, name=name, gpus=int(resources.get("GPU", 0)), cpus=int(resources.get("CPU", 0)))


def _reason(error: Exception) -> str:
    """Return the first line of an error that says something."""
    cause = getattr(error, "cause", None)
    lines = [line.strip() for line in str(cause or error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
