"""The exception hierarchy: every error has a message, a hint and a position in the line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import NamedTuple


class ExitStatus(IntEnum):
    """The exit status of the process."""

    OK = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130


class Span(NamedTuple):
    """A half-open range of characters of a line: `start` up to, not including, `end`."""

    start: int
    end: int

    def shifted(self, offset: int) -> Span:
        """Return the range moved by `offset` characters."""
        return Span(self.start + offset, self.end + offset)


class InvokeError(Exception):
    """Base class of all errors that are shown to the user.

    The session converts `field` and `stage` to `span`.

    Attributes:
        message: What happened, in one sentence.
        hint: The remedy.
        span: The position in `line`.
        field: The field of the request that caused the error.
        line: The line that was parsed.
        stage: The stage of the chain, from 0.
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
        """Set the line and the position in it, unless they are already set; return the error itself."""
        if self.line is None:
            self.line = line
            self.span = self.span or span
        return self


class LineError(InvokeError):
    """The line is invalid."""

    exit_status = ExitStatus.USAGE


class PromptError(LineError):
    """The prompt is invalid, or uses the prompt language in an unsupported way."""


class PlanError(InvokeError):
    """The line is valid, but the model, the sampler or the mode does not support it."""


class ConfigError(InvokeError):
    """A configuration file or a launch option is invalid."""

    exit_status = ExitStatus.USAGE


class ModelError(InvokeError):
    """A model is missing, damaged or unsupported."""


class ImageError(InvokeError):
    """An input image is missing, unreadable or unsuitable."""


class MetadataError(InvokeError):
    """The metadata of an image is missing or invalid."""


class OutputError(InvokeError):
    """A result cannot be written."""


class CommandError(InvokeError):
    """The arguments of a `!` command are invalid."""


class OutOfMemory(InvokeError):
    """The device has too little memory for the job, even with all fallbacks."""


def out_of_memory() -> OutOfMemory:
    """Return the error for a MemoryError of Python, which has no message."""
    return OutOfMemory("out of memory", hint="make more memory available, or raise the limit (ulimit -v)")


class EngineLost(InvokeError):
    """The process of the engine has ended unexpectedly."""


class WorkerGone(EngineLost):
    """A worker has ended and cannot be started again."""


class WorkerUnfit(InvokeError):
    """A worker cannot do a piece of work, for example because it lacks the model; another one may."""


class Interrupted(InvokeError):
    """The user stopped the job; finished images are kept."""

    exit_status = ExitStatus.INTERRUPTED


class InternalError(InvokeError):
    """A bug in the program; the hint names the log with the traceback."""


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
