"""How a line ended, and the options of a session: plain data that the doors and the session share."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from invoke_cli.errors import ExitStatus
from invoke_cli.request import GenerationRequest


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


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionOptions:
    """What is decided at launch. `defaults` are the line switches given there without a prompt."""

    root: str | None = None
    config: str | None = None
    device: str = "auto"
    precision: str = "auto"
    offline: bool = False
    defaults: GenerationRequest = field(default_factory=GenerationRequest)
