"""Other threads redraw the prompt while lines end and begin: none of them fails, and what they ask for is done."""

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
def a_prompt() -> Iterator[tuple[PromptSession[str], PipeInput]]:
    """A prompt whose keys come from a pipe."""
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        yield PromptSession(), keys


def redraw_until(ended: threading.Event, prompt: PromptSession[str], redraw: Callable[[], None]) -> int:
    """Redraw on and on; returns how often."""
    count = 0
    while not ended.is_set():
        call_in_event_loop(prompt, redraw)
        count += 1
    return count


def test_lines_end_while_another_thread_redraws() -> None:
    """A prompt's own `invalidate` called from there fails now and then: "no running event loop"."""
    ended, threads = threading.Event(), set[int]()

    with a_prompt() as (prompt, keys), ThreadPoolExecutor(1) as beside:

        def redraw() -> None:
            threads.add(threading.get_ident())
            prompt.app.invalidate()

        redrawing = beside.submit(redraw_until, ended, prompt, redraw)
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


def test_nothing_is_done_where_no_line_is_read() -> None:
    done: list[str] = []
    with a_prompt() as (prompt, keys):
        call_in_event_loop(prompt, lambda: done.append("before"))
        keys.send_text("a line\r")
        prompt.prompt(pre_run=lambda: call_in_event_loop(prompt, lambda: done.append("during")))
        call_in_event_loop(prompt, lambda: done.append("after"))
    assert done == ["during"]


def test_a_closed_loop_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = asyncio.new_event_loop()
    closed.close()
    with a_prompt() as (prompt, _):
        monkeypatch.setattr(prompt.app, "loop", closed)
        done: list[str] = []
        call_in_event_loop(prompt, lambda: done.append("by a closed loop"))
    assert done == []
