"""What a worker is: an engine elsewhere, with a name. Local processes and the actors of a cluster are workers."""

from __future__ import annotations

from typing import Protocol

from invoke_cli.engine import Engine, Hooks


class Worker(Protocol):
    """An engine elsewhere.

    Attributes:
        name: Its name in messages, for example `worker 2` or `cuda:1`.
    """

    name: str

    @property
    def engine(self) -> Engine:
        """The engine. Its calls raise EngineLost when the worker has ended."""

    def start(self, hooks: Hooks) -> None:
        """Start the worker, and wait until its engine is ready.

        Raises:
            InvokeError: It cannot be started.
        """

    def owns(self, state: object) -> bool:
        """Return whether a state that a job starts from is in this worker."""

    def kill(self) -> None:
        """End the worker at once, in the middle of a call. May be called from any thread."""
