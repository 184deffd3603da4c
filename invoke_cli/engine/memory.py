"""Recognise out-of-memory errors, free what the failed attempt held, and retry with fallbacks.

The exception must be out of scope before memory is freed: while an `except` block runs, the frames of the traceback
keep their tensors alive.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from invoke_cli.errors import OutOfMemory

Result = TypeVar("Result")

_CPU_ALLOCATOR = ("DefaultCPUAllocator", "not enough memory", "can't allocate memory")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fallback:
    """A fallback: its name for the notice, and the change to apply before the next attempt."""

    name: str
    apply: Callable[[], None]


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the device or the machine is out of memory."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _CPU_ALLOCATOR)


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
