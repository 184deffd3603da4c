"""Recognise out-of-memory errors, free what the failed attempt held, and retry with fallbacks.

The exception must be out of scope before memory is freed: while an `except` block runs, the frames of the traceback
keep their tensors alive.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch

from invoke_cli.engine.devices import Device
from invoke_cli.errors import InvokeError, OutOfMemory

Result = TypeVar("Result")

# What torch, oneDNN, safetensors and the system say.
_TEXTS = (
    "DefaultCPUAllocator", "not enough memory", "can't allocate memory", "Cannot allocate memory", "bad_alloc",
    "could not create a primitive", "failed to map segment", "can't start new thread",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Fallback:
    """A fallback: its name for the notice, and the change to apply before the next attempt."""

    name: str
    apply: Callable[[], None]


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the device or the machine is out of memory."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return not isinstance(error, InvokeError) and any(text in str(error) for text in _TEXTS)


@contextmanager
def memory_errors(what: str, device: Device) -> Iterator[None]:
    """Raise OutOfMemory for an error whose cause is that memory ran out, whatever the libraries made of it."""
    try:
        yield
    except (InvokeError, OSError, RuntimeError, MemoryError, SystemError, ImportError) as error:
        if not any(map(is_out_of_memory, _causes(error))):
            raise
    else:
        return
    message = f"out of memory while {what} ({device.label}, {device.memory().free / 1e9:.1f} GB free)"
    raise OutOfMemory(message, hint="use a smaller model (-m), or make more memory available")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those in whose handling it was raised."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def retry_with_fallbacks(
    action: Callable[[], Result],
    fallbacks: Sequence[Fallback],
    report: Callable[[str], None],
    release: Callable[[], None],
) -> Result:
    """Run `action`, applying one more fallback after each out-of-memory failure.

    Args:
        action: The work to attempt.
        fallbacks: The fallbacks, in order.
        report: Called with the name of each fallback before it is applied.
        release: Returns cached blocks to the device.

    Raises:
        OutOfMemory: The action failed after the last fallback, too.
    """
    for fallback in (*fallbacks, None):
        result = _attempt(action)
        if not isinstance(result, _Failed):
            return result
        gc.collect()
        release()
        if fallback is not None:
            report(fallback.name)
            fallback.apply()
    raise OutOfMemory("out of memory")


class _Failed:
    """The result of an attempt that ran out of memory."""


def _attempt(action: Callable[[], Result]) -> Result | _Failed:
    try:
        return action()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    return _Failed()
