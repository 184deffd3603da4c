"""The outcome of a line, and the resulting exit status."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from invoke_cli.errors import ExitStatus


class Outcome(Enum):
    """The outcome of a line."""

    OK = "ok"
    FAILED = "failed"
    UNREADABLE = "unreadable"
    INTERRUPTED = "interrupted"
    LEAVE = "leave"

    @property
    def exit_status(self) -> ExitStatus:
        """The exit status of a process that ran this line alone."""
        return {
            Outcome.FAILED: ExitStatus.FAILED,
            Outcome.UNREADABLE: ExitStatus.USAGE,
            Outcome.INTERRUPTED: ExitStatus.INTERRUPTED,
        }.get(self, ExitStatus.OK)


def exit_status(outcomes: Sequence[Outcome]) -> ExitStatus:
    """Return the exit status of a process that ran several lines."""
    if Outcome.INTERRUPTED in outcomes:
        return ExitStatus.INTERRUPTED
    failed = any(outcome in (Outcome.FAILED, Outcome.UNREADABLE) for outcome in outcomes)
    return ExitStatus.FAILED if failed else ExitStatus.OK
