"""Workers on this machine: engine processes, on the CPU with a share of its threads, on GPUs one for each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from invoke_cli.engine import EngineSettings, Hooks
from invoke_cli.workers.process_worker import ProcessWorker


def local_workers(count: int, devices: Sequence[str], settings: EngineSettings, hooks: Hooks) -> list[ProcessWorker]:
    """Return workers for `count` processes, or for one on each of the devices."""
    if devices:
        return [ProcessWorker(device, replace(settings, device=device), hooks) for device in devices]
    names = [f"worker {number}" for number in range(1, count + 1)]
    return [ProcessWorker(name, settings, hooks) for name in names]


def available_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
