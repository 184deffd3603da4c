"""Convert errors and counters of the engine to message values and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from invoke_cli import errors
from invoke_cli.engine.counters import Counters
from invoke_cli.errors import InternalError, InvokeError

RUN_ALONE = "add --no_session to the line"


class EngineBug(Exception):
    """An unexpected error in the process of the engine; its traceback is a note of the exception."""

    def __init__(self, text: str) -> None:
        super().__init__((text.strip().splitlines() or ["unknown"])[-1])
        self.add_note(text)


def error_to_message(error: InvokeError) -> dict[str, object]:
    """Convert an error to message values."""
    return {
        "kind": type(error).__name__, "message": error.message, "hint": error.hint, "field": error.field,
        "stage": error.stage,
    }  # fmt: skip


def error_from_message(message: Mapping[str, Any]) -> InvokeError:
    """Return the error that the session's engine raised."""
    kind = getattr(errors, str(message["kind"]), None)
    if not (isinstance(kind, type) and issubclass(kind, InvokeError)):
        kind = InternalError
    error = kind(str(message["message"]), hint=str(message["hint"]), field=message["field"])
    error.stage = int(message["stage"])
    return error


def pack_counters(counters: Counters) -> tuple[int, int, int, int]:
    """Convert counters to message values."""
    return counters.encodes, counters.decodes, counters.denoiser_calls, counters.text_encodes


def add_counters(counters: Counters, counted: Sequence[int]) -> None:
    """Add the counters of a message."""
    encodes, decodes, denoiser_calls, text_encodes = counted
    counters.add(Counters(encodes=encodes, decodes=decodes, denoiser_calls=denoiser_calls, text_encodes=text_encodes))
