"""Workers on a Ray cluster: an actor for each GPU or, in a cluster without GPUs, for each share of its CPUs."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from invoke_cli.context.worker_settings import WorkerSettings
from invoke_cli.engine import Engine, EngineSettings, Hooks
from invoke_cli.errors import ConfigError
from invoke_cli.workers.pool import WorkerPool
from invoke_cli.workers.pool_engine import PoolEngine
from invoke_cli.workers.portable import Files
from invoke_cli.workers.process_worker import ProcessWorker
from invoke_cli.workers.ray_cluster import Node, Place, RayCluster
from invoke_cli.workers.ray_process import RayProcesses

_NEW_NODES_SECONDS = 3.0  # how often new nodes are looked for


class RayWorker(ProcessWorker):
    """A worker whose engine is in an actor."""

    def __init__(self, place: Place, settings: EngineSettings, hooks: Hooks, processes: RayProcesses) -> None:
        super().__init__(place.name, settings, hooks, processes.at(place))


class RayOpener:
    """Opens an engine with a worker for each GPU or share of the CPUs of a cluster, now and when nodes join it.

    Attributes:
        count: The number of workers at the beginning.

    Raises:
        ConfigError: There is no cluster, or nothing in it to work with.
    """

    def __init__(self, wanted: WorkerSettings, device: str, files: Files, hooks: Hooks) -> None:
        if wanted.devices:
            hint = "Ray assigns the GPUs; leave out --devices"
            raise ConfigError("--devices is for workers on this machine", hint=hint)
        self._cluster = RayCluster(wanted.workers)
        self._processes = RayProcesses(self._cluster, files, wanted.root)
        self._threads, self._hooks = wanted.threads or 1, hooks
        nodes = self._cluster.nodes()
        self._on_gpus = device != "cpu" and any(node.gpus for node in nodes)
        self._names: set[str] = set()
        self._places = list(self._places_on(nodes))
        self._known = {node.key for node in nodes}
        self.count = len(self._places)
        if not self._places:
            hint = f"`ray status` shows its resources; each worker on a CPU needs {self._threads} of them"
            raise ConfigError("the Ray cluster has neither GPUs nor enough CPUs for a worker", hint=hint)

    def __call__(self, settings: EngineSettings) -> Engine:
        """Start the workers; lines can be prepared while they import their libraries."""
        if not self._on_gpus:
            settings = replace(settings, device="cpu", threads=self._threads)
        pool = WorkerPool([self._worker(place, settings) for place in self._places], self._hooks)
        threading.Thread(target=self._add_new_nodes, args=[pool, settings], name="invoke-nodes", daemon=True).start()
        return PoolEngine(pool)

    def _places_on(self, nodes: Sequence[Node]) -> Iterator[Place]:
        for node in nodes:
            count = node.gpus if self._on_gpus else node.cpus // self._threads
            cpus = 0 if self._on_gpus else self._threads
            name_of_node = node.name if node.name not in self._names else f"{node.name} ({node.key[:6]})"
            self._names.add(name_of_node)
            for number in range(1, count + 1):
                name = name_of_node if count == 1 else f"{name_of_node}/{number}"
                yield Place(name=name, node=node, gpus=int(self._on_gpus), cpus=cpus)

    def _worker(self, place: Place, settings: EngineSettings) -> RayWorker:
        return RayWorker(place, settings, self._hooks, self._processes)

    def _add_new_nodes(self, pool: WorkerPool, settings: EngineSettings) -> None:
        """Add workers for nodes that join the cluster, until the pool is closed."""
        while not pool.closed.wait(_NEW_NODES_SECONDS):
            new = [node for node in self._cluster.nodes() if node.key not in self._known]
            self._known.update(node.key for node in new)
            for place in self._places_on(new):
                pool.add(self._worker(place, settings))
