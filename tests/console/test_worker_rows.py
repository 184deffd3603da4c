"""The progress of several workers on a terminal: a row for each and one for the file."""

from __future__ import annotations

import io

from invoke_cli.console.console import Console, ConsoleStyle
from invoke_cli.console.worker_rows import WorkerRows, total_text
from invoke_cli.events import Notice, Progress, Step


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def step(worker: str, number: int, steps: int = 10, line: int | None = 3) -> Step:
    return Step(image=1, images=1, step=number, steps=steps, seconds=number / 2, worker=worker, line=line)


def test_each_worker_has_a_row_in_natural_order_and_the_file_has_one() -> None:
    clock = Clock()
    rows = WorkerRows(clock)
    for name in ("worker 10", "worker 2", "worker 1"):
        clock.now += 1
        assert rows.add(step(name, 4))
    rows.add(Progress(complete=5, begun=9, lines=20, seconds=10.0))
    lines = rows.text(80).splitlines()
    assert [line.split("  ")[0] for line in lines[:3]] == ["worker 1", "worker 2", "worker 10"]
    assert "line 3" in lines[0]
    assert "step 4 of 10" in lines[0]
    assert lines[3] == "5 of 20 lines complete, about 30.0 s left"
    assert all(len(line) <= 39 for line in rows.text(40).splitlines())


def test_rows_are_drawn_ten_times_a_second_at_most_and_finished_ones_disappear() -> None:
    clock = Clock()
    rows = WorkerRows(clock)
    clock.now = 1.0
    assert rows.add(step("worker 1", 1))
    clock.now = 1.05
    assert not rows.add(step("worker 1", 2))
    clock.now = 1.2
    assert rows.add(step("worker 2", 10))
    assert len(rows.text(80).splitlines()) == 2
    clock.now = 9.0
    assert [line[:8] for line in rows.text(80).splitlines()] == ["worker 1"]


def test_a_count_that_is_not_known_is_left_out() -> None:
    assert total_text(Progress(complete=5, begun=9, lines=None, seconds=65.0)) == "5 lines complete in 1 min 05 s"


def test_a_notice_replaces_the_rows_and_a_pipe_has_none() -> None:
    out, err = io.StringIO(), io.StringIO()
    console = Console(out, err, ConsoleStyle(progress=True))
    console(step("worker 1", 1))
    console(Progress(complete=0, begun=2, lines=2, seconds=1.0))
    console(Notice(text="hello"))
    text = err.getvalue()
    assert text.index("worker 1") < text.index("\x1b[J") < text.index("hello")
    quiet_err = io.StringIO()
    plain = Console(out, quiet_err, ConsoleStyle())
    plain(step("worker 1", 1))
    plain(Progress(complete=0, begun=2, lines=2, seconds=1.0))
    assert quiet_err.getvalue() == ""
