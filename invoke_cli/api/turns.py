"""Turns: the sessions of one process work one after the other.

Loading a model, or adding a LoRA, changes how torch creates modules in the whole process, so that two sessions must not
do it at the same time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_TURN: Final = threading.RLock()


@contextmanager
def turn() -> Iterator[None]:
    """Wait for the turn of this thread, and keep it."""
    with _TURN:
        yield


@contextmanager
def turn_passed_on() -> Iterator[None]:
    """Let other sessions work meanwhile, such as during a callback, which may use one and wait for it."""
    try:
        _TURN.release()
    except RuntimeError:  # it is not this thread's turn
        yield
        return
    try:
        yield
    finally:
        _TURN.acquire()
