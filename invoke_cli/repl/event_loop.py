"""The way from any thread to the terminal's own, which alone may touch what is on the screen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from prompt_toolkit import PromptSession


def call_in_event_loop(prompt: PromptSession[str], do: Callable[[], None]) -> None:
    """Do something soon on the thread that reads the line; nothing is done when none is being read.

    The loop is asked for once: the line may end at any time, and its loop is then None or closed.
    """
    loop = prompt.app.loop
    if loop is not None:
        with suppress(RuntimeError):  # it was closed just now
            loop.call_soon_threadsafe(do)
