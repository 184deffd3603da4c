"""One-shot calls that wait, are stopped, killed or asleep, or are answered with an error, nonsense or nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from invoke_cli.context.options import SessionOptions
from invoke_cli.context.settings import Settings
from invoke_cli.engine import Hooks, ImageResult, Job
from invoke_cli.server.client import RemoteEngine
from invoke_cli.server.connection import Connection, Gone
from invoke_cli.server.handles import Handles
from invoke_cli.server.sockets import kind_of, open_door
from tests.fake_engine import FakeEngine
from tests.frontends.open_session import OpenIt, OpenSession, program_settings, wait_until
from tests.frontends.program import Program


def test_callers_queue_with_each_other_and_with_the_sessions_own_lines(program: Program, open_session: OpenIt) -> None:
    session = open_session(FakeEngine(program_settings()))
    session.gate.clear()
    session.worker.submit("a dog -s2 -o own")
    command = [sys.executable, "-m", "invoke_cli", "a cat", "-s2"]
    callers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "ab"]
    wait_until(lambda: len(session.worker.waiting) == 2)
    session.worker.submit("a fox -s2 -o own")
    time.sleep(1.2)
    session.gate.set()
    ends = [caller.communicate(timeout=120) for caller in callers]
    assert [caller.returncode for caller in callers] == [0, 0]
    assert all("waiting for the open session" in err for _, err in ends)
    wait_until(lambda: len(session.done) == 4)
    assert session.done == ["a dog -s2 -o own", "visit", "visit", "a fox -s2 -o own"] and len(program.images) == 2


class Slow(FakeEngine):
    """An engine that takes its time over each image, until it is stopped."""

    ended = ""
    pause = 0.05

    def generate(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        try:
            for result in super().generate(job, hooks):
                time.sleep(self.pause)
                yield result
            self.ended = "done"
        except BaseException as error:
            self.ended = type(error).__name__
            raise


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_caller_that_is_stopped_or_killed_ends_its_own_line_alone(
    program: Program, open_session: OpenIt, sign: signal.Signals
) -> None:
    engine = Slow(program_settings())
    session = open_session(engine)
    command = [sys.executable, "-m", "invoke_cli", "a cat", "-s2", "-n2000"]
    caller = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(program.images) > 1)
    session.worker.submit("a dog -s2 -o own")
    caller.send_signal(sign)
    _, err = caller.communicate(timeout=120)
    wait_until(lambda: session.done == ["visit", "a dog -s2 -o own"], 30)
    if sign == signal.SIGINT:
        assert caller.returncode == 130 and "stopped; what was finished is kept" in err
    assert len(program.images) < 2000 and len(list(Path("own").glob("*.png"))) == 1


def test_results_that_nobody_takes_are_no_answer_to_the_next_call(
    program: Program, open_session: OpenIt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("invoke_cli.server.connection.STALLED_SECONDS", 0.1)  # less than an image takes
    engine = Stubborn(program_settings())
    session = open_session(engine)
    guest = RemoteEngine(lambda: FakeEngine(program_settings()), kind_of(session.settings))
    hooks = Hooks(emit=lambda _: None)
    assert program("a cat -s2 -n3").status == 0 and guest.find_session(hooks)
    results = iter(guest.generate(engine.jobs[0], hooks))
    next(results)
    results.close()  # type: ignore[attr-defined]  # as when the first one could not be written
    assert guest.loaded() == engine.loaded() and guest.memory() == engine.memory()
    guest.unload()


class Stubborn(FakeEngine):
    """An engine that makes its images one after the other without a look at the wish to stop."""

    def generate(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        for result in super().generate(job, replace(hooks, stopped=lambda: False)):
            time.sleep(0.3)
            yield result


class Dying(FakeEngine):
    """An engine whose process is gone after so many images."""

    alive = 0
    session: OpenSession

    def generate(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        for number, result in enumerate(super().generate(job, hooks)):
            if number == self.alive:
                raise Gone("as if it had been killed")
            yield result


@pytest.mark.parametrize("made", [0, 2])
def test_a_session_that_is_killed_is_replaced_or_told_of_in_one_sentence(
    program: Program, open_session: OpenIt, made: int
) -> None:
    engine = Dying(program_settings())
    engine.alive = made
    open_session(engine)
    result = program("a cat -s2 -S1 -n3")
    if made:
        assert result.status == 1 and "was closed before it was finished" in result.err
        assert len(program.images) == made and program.engine is None
    else:
        assert result.status == 0 and "the open session has gone" in result.err
        assert len(program.images) == 3 and program.engine is not None


def test_what_is_too_large_for_a_message_is_drawn_cold_or_told_of(
    program: Program, open_session: OpenIt, sketch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_session(FakeEngine(program_settings()))
    monkeypatch.setattr("invoke_cli.server.connection.MAX_BLOBS", 5000)  # less than the sketch
    asked = program(f"a cat -s2 -S1 -I {sketch} -f .5")
    assert asked.status == 0 and "cannot be asked for this (too large to be sent)" in asked.err
    assert len(program.images) == 1 and program.engine is not None
    answered = program("a cat -s2 -S1")
    assert answered.status == 1 and "cannot hand its result over: too large" in answered.err
    assert "--no_session" in answered.err and not session.errors


@pytest.mark.parametrize("kind", ["end", "failed", "result", "event"])
def test_an_answer_that_makes_no_sense_is_as_none(program: Program, runtime: Path, kind: str) -> None:
    opened = open_door(kind_of(Settings(SessionOptions())))
    assert opened is not None
    listener = opened[0]

    def answer() -> None:
        connection, _ = listener.accept()
        listener.close()
        link = Connection(connection, Handles())
        for kinds in (("welcome", "turn"), (kind,)):
            link.receive()
            for each in kinds:
                link.send(each, counters=("a", None), error=7)
        link.close()

    liar = threading.Thread(target=answer)
    liar.start()
    assert program("a cat -s2").status == 0 and len(program.images) == 1 and program.engine is not None
    liar.join()


def test_a_caller_that_sleeps_is_told_of_and_can_be_let_go(
    program: Program, open_session: OpenIt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("invoke_cli.server.server.SILENT_SECONDS", 0.2)
    monkeypatch.setattr("invoke_cli.server.server.STOPPED_SECONDS", 0.1)
    engine = Slow(program_settings())
    engine.pause = 0.5  # so that the caller is not stopped while it writes
    session = open_session(engine)
    command = [sys.executable, "-m", "invoke_cli", "a cat", "-s2", "-n2000", "-W", "512"]
    caller = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(program.images) > 1)
    caller.send_signal(signal.SIGSTOP)
    session.worker.submit("a dog -s2 -o own")
    wait_until(lambda: any("Ctrl-C here lets it go" in str(event) for event in session.events))
    assert session.done == []
    session.visits[0].stop()
    wait_until(lambda: session.done[:1] == ["visit"], 5)
    caller.send_signal(signal.SIGCONT)
    wait_until(lambda: session.done[1:] == ["a dog -s2 -o own"])
    _, err = caller.communicate(timeout=120)
    assert caller.returncode == 1 and "was closed before it was finished" in err


def test_an_error_of_the_engine_is_the_callers_error(program: Program, open_session: OpenIt) -> None:
    from invoke_cli.errors import OutOfMemory

    engine = FakeEngine(program_settings())
    engine.fail_with = OutOfMemory("no room for it", hint="make it smaller", field="width")
    session = open_session(engine)
    result = program("a cat -s2 -W 512")
    assert result.status == 1 and "no room for it" in result.err and "make it smaller" in result.err
    engine.fail_with = RuntimeError("a bug")
    assert program("a cat -s2").status == 0 and program.engine is None, "the session did not live on"
    assert len(session.errors) == 1
