"""A worker whose engine runs in a process of its own, on this machine or another one."""

from __future__ import annotations

from invoke_cli.engine import Engine, EngineSettings, Hooks
from invoke_cli.server.process_engine import OpenProcess, ProcessEngine


class ProcessWorker:
    """A worker whose engine runs in a process of its own.

    Args:
        name: Its name in messages.
        settings: The settings of its engine.
        hooks: The hooks for starting the process again.
        open_process: Starts the process; None for one on this machine.
    """

    def __init__(
        self, name: str, settings: EngineSettings, hooks: Hooks, open_process: OpenProcess | None = None
    ) -> None:
        self.name = name
        self._engine = ProcessEngine(settings, lambda: hooks, open_process)

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
