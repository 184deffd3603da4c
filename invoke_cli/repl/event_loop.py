"""Call functions on the thread of the terminal from any other thread. Only that thread may change the screen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from prompt_toolkit import PromptSession


def call_in_event_loop(prompt: PromptSession[str], do: Callable[[], None]) -> None:
    """Schedule a call on the thread that reads the line. Does nothing if no line is being read.

    The loop is fetched once: the line may end at any time, after which its loop is None or closed.
    """
    loop = prompt.app.loop
    if loop is not None:
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(do)
