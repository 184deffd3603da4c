"""Errors and counts of the engine as they are told to the other side: each way there, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from invoke_cli import errors
from invoke_cli.engine.counters import Counters
from invoke_cli.errors import InternalError, InvokeError

ALONE = "write --no_session behind the line"


def told(error: InvokeError) -> dict[str, object]:
    """An error as the other side can raise it again."""
    return {
        "kind": type(error).__name__, "message": error.message, "hint": error.hint, "field": error.field,
        "stage": error.stage,
    }  # fmt: skip


def raised(said: Mapping[str, Any]) -> InvokeError:
    """The error that the session's engine raised."""
    kind = getattr(errors, str(said["kind"]), None)
    if not (isinstance(kind, type) and issubclass(kind, InvokeError)):
        kind = InternalError
    error = kind(str(said["message"]), hint=str(said["hint"]), field=said["field"])
    error.stage = int(said["stage"])
    return error


def counts(counters: Counters) -> tuple[int, int, int, int]:
    """What a tally has counted."""
    return counters.encodes, counters.decodes, counters.denoiser_calls, counters.text_encodes


def count(counters: Counters, counted: Sequence[int]) -> None:
    """Add what another tally has counted."""
    encodes, decodes, denoiser_calls, text_encodes = counted
    counters.encodes += encodes
    counters.decodes += decodes
    counters.denoiser_calls += denoiser_calls
    counters.text_encodes += text_encodes
