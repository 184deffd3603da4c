"""How a line ended: what the session tells the doors."""

from __future__ import annotations

from enum import Enum

from invoke_cli.errors import ExitStatus


class Outcome(Enum):
    """How a line ended."""

    OK = "ok"
    FAILED = "failed"
    UNREADABLE = "unreadable"
    INTERRUPTED = "interrupted"
    LEAVE = "leave"

    @property
    def exit_status(self) -> ExitStatus:
        """The status of a process that did this line alone."""
        return {
            Outcome.FAILED: ExitStatus.FAILED,
            Outcome.UNREADABLE: ExitStatus.USAGE,
            Outcome.INTERRUPTED: ExitStatus.INTERRUPTED,
        }.get(self, ExitStatus.OK)
