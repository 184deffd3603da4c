"""The signals that end the program: SIGINT, SIGTERM and SIGHUP. Imports nothing else, since it is needed first."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

ENDED_BY_SIGNAL = 130
Handler = Callable[[int, FrameType | None], object]


def ending_signals() -> list[signal.Signals]:
    """Return the signals that end the program on this system. SIGHUP is not one if it is ignored, as `nohup` does."""
    found = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        found.append(hangup)
    return found


def end_at_once(*_: object) -> None:
    """End the process in a signal handler. Suits the time in which nothing is being written."""
    with contextlib.suppress(OSError):
        os.write(2, b"stopped\n")
    os._exit(ENDED_BY_SIGNAL)  # an exception might be caught by the library that is being imported


def handle_ending_signals(handler: Handler = end_at_once) -> None:
    """Handle all of these signals from now on. Only the main thread may do so."""
    for name in ending_signals():
        signal.signal(name, handler)


@contextlib.contextmanager
def ending_signals_handled(handler: Handler) -> Iterator[None]:
    """Handle these signals while the context is entered; elsewhere than on the main thread, change nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {name: signal.getsignal(name) for name in ending_signals()}
    handle_ending_signals(handler)
    try:
        yield
    finally:
        for name, before in previous.items():
            signal.signal(name, before)
