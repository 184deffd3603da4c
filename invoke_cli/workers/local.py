"""Workers on this machine: engine processes, on the CPU with a share of its threads, on GPUs one for each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from invoke_cli.engine import Engine, EngineSettings, Hooks
from invoke_cli.server.process_engine import ProcessEngine


class LocalWorker:
    """A worker whose engine runs in a process of its own."""

    def __init__(self, name: str, settings: EngineSettings, hooks: Hooks) -> None:
        self.name = name
        self._engine = ProcessEngine(settings, lambda: hooks)

    @property
    def engine(self) -> Engine:
        """The engine."""
        return self._engine

    def start(self, hooks: Hooks) -> None:
        """Start the process, and wait until it has imported its libraries."""
        self._engine.start(hooks)

    def owns(self, state: object) -> bool:
        """Return whether a state is in this process."""
        return self._engine.owns(state)

    def kill(self) -> None:
        """End the process at once."""
        self._engine.kill()


def local_workers(count: int, devices: Sequence[str], settings: EngineSettings, hooks: Hooks) -> list[LocalWorker]:
    """Return workers for `count` processes, or for one on each of the devices."""
    if devices:
        return [LocalWorker(device, replace(settings, device=device), hooks) for device in devices]
    names = [f"worker {number}" for number in range(1, count + 1)]
    return [LocalWorker(name, settings, hooks) for name in names]


def available_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
