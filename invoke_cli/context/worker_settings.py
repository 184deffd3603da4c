"""The workers that the launch options or invoke.init ask for."""

from __future__ import annotations

from dataclasses import dataclass

from invoke_cli.context.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerSettings:
    """The workers of a session.

    Attributes:
        workers: Their number, `auto`, or the address of a Ray cluster; empty for none.
        devices: The devices that they shall use; empty to choose them.
        root: The root folder on the nodes of a cluster; empty for the default one of each node.
        threads: The number of CPU threads, of each worker if there are several; 0 for torch's choice.
    """

    workers: str
    devices: tuple[str, ...]
    root: str
    threads: int


def worker_settings(settings: Settings) -> WorkerSettings:
    """Return the workers that the settings ask for."""
    options, init = settings.options, settings.init_options
    workers = options.workers or str(init.get("workers") or "")
    devices = options.devices or str(init.get("devices") or "")
    names = tuple(filter(None, (name.strip() for name in devices.split(","))))
    root = options.worker_root or str(init.get("worker_root") or "")
    return WorkerSettings(
        root=root,
        workers="" if workers == "off" else workers or (str(len(names)) if names else ""),
        devices=names,
        threads=int(settings.launch_number("threads", options.threads, 0)),
    )
