"""Other threads may redraw the prompt while lines begin and end, and each call runs in the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from invoke_cli.repl.event_loop import call_in_event_loop

LINES = 150


@contextmanager
def prompt_session() -> Iterator[tuple[PromptSession[str], PipeInput]]:
    """Yield a prompt whose keys come from a pipe."""
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        yield PromptSession(), keys


def redraw_until(ended: threading.Event, prompt: PromptSession[str], redraw: Callable[[], None]) -> int:
    """Redraw until `ended` is set; return how often."""
    count = 0
    while not ended.is_set():
        call_in_event_loop(prompt, redraw)
        count += 1
    return count


def test_another_thread_can_redraw_while_lines_end() -> None:
    """Calling the prompt's own `invalidate` from another thread sometimes raises "no running event loop"."""
    ended, threads = threading.Event(), set[int]()

    with prompt_session() as (prompt, keys), ThreadPoolExecutor(1) as executor:

        def redraw() -> None:
            threads.add(threading.get_ident())
            prompt.app.invalidate()

        redrawing = executor.submit(redraw_until, ended, prompt, redraw)
        try:
            lines = []
            for number in range(LINES):
                keys.send_text(f"line {number}\r")
                lines.append(prompt.prompt())
        finally:
            ended.set()
        assert redrawing.result() > LINES
    assert lines == [f"line {number}" for number in range(LINES)]
    assert threads == {threading.get_ident()}


def test_calls_are_dropped_while_no_line_is_read() -> None:
    done: list[str] = []
    with prompt_session() as (prompt, keys):
        call_in_event_loop(prompt, lambda: done.append("before"))
        keys.send_text("a line\r")
        prompt.prompt(pre_run=lambda: call_in_event_loop(prompt, lambda: done.append("during")))
        call_in_event_loop(prompt, lambda: done.append("after"))
    assert done == ["during"]


def test_a_closed_loop_is_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = asyncio.new_event_loop()
    closed.close()
    with prompt_session() as (prompt, _):
        monkeypatch.setattr(prompt.app, "loop", closed)
        done: list[str] = []
        call_in_event_loop(prompt, lambda: done.append("in a closed loop"))
    assert done == []
