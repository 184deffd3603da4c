"""Open the engine of several workers, as the settings ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from invoke_cli.context.context import SessionContext
from invoke_cli.context.settings import Settings
from invoke_cli.context.worker_settings import WorkerSettings
from invoke_cli.engine import Engine, EngineSettings, Hooks
from invoke_cli.errors import ConfigError
from invoke_cli.workers.accelerators import accelerators
from invoke_cli.workers.local import available_cores, local_workers
from invoke_cli.workers.pool import WorkerPool
from invoke_cli.workers.pool_engine import PoolEngine
from invoke_cli.workers.portable import Files
from invoke_cli.workers.ray_cluster import is_ray
from invoke_cli.workers.ray_workers import RayOpener


class PoolOpener:
    """Opens an engine with a fixed number of workers.

    Args:
        settings: The settings of the session.
        wanted: The workers that were asked for.
        hooks: Returns the hooks for starting the workers.
        notice: Tells the user something.

    Attributes:
        count: The number of workers.
        devices: Their devices; empty for processes on the CPU.

    Raises:
        ConfigError: There are more workers than devices for them.
    """

    def __init__(
        self, settings: Settings, wanted: WorkerSettings, hooks: Callable[[], Hooks], notice: Callable[[str], None]
    ) -> None:
        self._hooks, self._notice, self._threads = hooks, notice, wanted.threads
        self.devices = wanted.devices or _devices(settings)
        self.count = _count(wanted.workers, self.devices)
        self.devices = self.devices[: self.count]

    def __call__(self, settings: EngineSettings) -> Engine:
        """Start the workers; lines can be prepared while they import their libraries."""
        if not self.devices:
            settings = replace(settings, device="cpu", threads=self._threads_of_each())
        hooks = self._hooks()
        workers = local_workers(self.count, self.devices, settings, hooks)
        return PoolEngine(WorkerPool(workers, hooks))

    def _threads_of_each(self) -> int:
        if self._threads:
            return self._threads
        threads = max(1, available_cores() // self.count)
        if self.count > 1:
            self._notice(
                f"{self.count} workers with {threads} CPU thread{'s' if threads > 1 else ''} each; the last bits of an "
                "image depend on the number of threads (--threads N sets it)"
            )
        return threads


class Opener(Protocol):
    """Opens an engine with several workers.

    Attributes:
        count: The number of workers.
    """

    count: int

    def __call__(self, settings: EngineSettings) -> Engine:
        """Start the workers."""


def pool_opener(context: SessionContext, wanted: WorkerSettings) -> Opener:
    """Return the opener for workers on this machine or on a cluster.

    Raises:
        ConfigError: There are more workers than devices for them, or there is no such cluster.
    """
    settings = context.settings
    if not is_ray(wanted.workers):
        return PoolOpener(settings, wanted, context.background_hooks, context.notice)
    device = settings.launch_value("device", settings.options.device)
    return RayOpener(wanted, device, Files(settings, context.hashes), context.background_hooks())


def _devices(settings: Settings) -> tuple[str, ...]:
    """Return the devices for workers; empty for the CPU."""
    device = settings.launch_value("device", settings.options.device)
    if device == "cpu":
        return ()
    found = accelerators()
    return found if device == "auto" else tuple(name for name in found if name.partition(":")[0] == device) or (device,)


def _count(requested: str, devices: Sequence[str]) -> int:
    """Return the number of workers. Raises ConfigError if there are more than devices for them."""
    if requested == "auto":
        return len(devices) or available_cores()
    count = int(requested or len(devices) or 1)
    if devices and count > len(devices):
        hint = f"use --workers {len(devices)}, or name the devices: --devices {','.join(devices)}"
        raise ConfigError(f"there are {len(devices)} devices for {count} workers", hint=hint)
    return count
