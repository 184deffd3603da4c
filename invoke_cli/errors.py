"""The error tree: what happened, where in the line, what to do. Knows nothing else of the program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import NamedTuple


class ExitStatus(IntEnum):
    """What the process tells its caller."""

    OK = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130


class Span(NamedTuple):
    """A half-open range of characters of a line: `start` up to, not including, `end`."""

    start: int
    end: int

    def shifted(self, offset: int) -> Span:
        """The same range, `offset` characters further on."""
        return Span(self.start + offset, self.end + offset)


class InvokeError(Exception):
    """Anything the user should be told, with one sentence (`message`) and a remedy (`hint`).

    `field` names the field of the request that is to blame, `stage` the stage of the chain (from 0); the session turns
    them into `span`, the place in `line`.
    """

    exit_status = ExitStatus.FAILED

    def __init__(self, message: str, *, hint: str = "", span: Span | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.span = span
        self.field = field
        self.line: str | None = None
        self.stage = 0

    def at(self, span: Span) -> InvokeError:
        """Set the place in the line unless it is known already; returns the error itself."""
        self.span = self.span or span
        return self

    def moved(self, offset: int) -> InvokeError:
        """Make the place count in a longer line, `offset` characters further on; returns the error itself."""
        self.line = None
        self.span = self.span.shifted(offset) if self.span is not None else None
        return self

    def without_span(self) -> InvokeError:
        """Forget the place in the line, which is known only for a text that was not typed; returns the error itself."""
        self.span = None
        return self

    def located(self, line: str, span: Span | None = None) -> InvokeError:
        """Remember the line that was read and, if it is not known yet, the place in it; returns the error itself."""
        if self.line is None:
            self.line = line
            self.span = self.span or span
        return self


class LineError(InvokeError):
    """The line cannot be read."""

    exit_status = ExitStatus.USAGE


class PromptError(LineError):
    """The prompt text uses the prompt language in a way that cannot be honoured."""


class PlanError(InvokeError):
    """The line reads well but asks for what the model, the sampler or the mode cannot do."""


class ConfigError(InvokeError):
    """A configuration file or a launch option is wrong."""

    exit_status = ExitStatus.USAGE


class ModelError(InvokeError):
    """A model is missing, damaged or not of a kind that can be run."""


class ImageError(InvokeError):
    """An input image is missing, unreadable or unsuitable."""


class MetadataError(InvokeError):
    """A picture's metadata is missing or cannot be understood."""


class OutputError(InvokeError):
    """A result cannot be written."""


class CommandError(InvokeError):
    """A `!` command was given something it cannot work with."""


class OutOfMemory(InvokeError):
    """The device has too little memory for the job, after everything on the ladder was tried."""


class Interrupted(InvokeError):
    """The user stopped the job; what was finished is kept."""

    exit_status = ExitStatus.INTERRUPTED


class InternalError(InvokeError):
    """A fault of the program itself; the traceback is in the log that the hint names."""


@contextmanager
def blame(
    field: str | None = None, *, stage: int | None = None, span: Span | None = None, always: bool = False
) -> Iterator[None]:
    """Say which part of the line an error is about, unless it says so itself.

    Args:
        field: The request field to blame.
        stage: The stage of a chain, counted from 0.
        span: The place in the line, which replaces the error's own.
        always: Replace a field that the error names already.
    """
    try:
        yield
    except InvokeError as error:
        if field is not None and (always or error.field is None):
            error.field = field
        if stage is not None:
            error.stage = stage
        if span is not None:
            error.span = span
        raise
