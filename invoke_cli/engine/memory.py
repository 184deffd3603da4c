"""Want of memory: recognising it, freeing what the failed attempt held, and trying again with less.

The error must be out of reach before anything is freed: while an `except` block runs, the frames of the failure keep
its tensors alive.
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
    """One measure of the ladder: what is said, and what is done, before the next attempt."""

    measure: str
    apply: Callable[[], None]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device or the machine has no memory left."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _CPU_ALLOCATOR)


def retry_with_fallbacks(
    action: Callable[[], Result], rungs: Sequence[Fallback], tell: Callable[[str], None], release: Callable[[], None]
) -> Result:
    """The action's result, after as many rungs as it takes; OutOfMemory when it fails on the last one too."""
    for rung in (*rungs, None):
        result = _attempt(action)
        if not isinstance(result, _Failed):
            return result
        gc.collect()
        release()
        if rung is not None:
            tell(rung.measure)
            rung.apply()
    raise OutOfMemory("out of memory")


class _Failed:
    """An attempt found no memory."""


def _attempt(action: Callable[[], Result]) -> Result | _Failed:
    try:
        return action()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    return _Failed()
