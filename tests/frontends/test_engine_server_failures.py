"""One-shot calls that wait, are stopped, killed or suspended, or receive an error, nonsense or nothing."""

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
from invoke_cli.server.connection import Connection, ConnectionLost
from invoke_cli.server.handles import Handles
from invoke_cli.server.sockets import compatibility_key, listen
from tests.fake_engine import FakeEngine
from tests.frontends.open_session import OpenSession, SessionOpener, program_settings, wait_until
from tests.frontends.program import Program


def test_clients_queue_with_each_other_and_the_session_s_own_lines(
    program: Program, open_session: SessionOpener
) -> None:
    session = open_session(FakeEngine(program_settings()))
    session.gate.clear()
    session.worker.submit("a dog -s2 -o own")
    command = [sys.executable, "-m", "invoke_cli", "a cat", "-s2"]
    clients = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "ab"]
    wait_until(lambda: len(session.worker.waiting) == 2)
    session.worker.submit("a fox -s2 -o own")
    time.sleep(1.2)
    session.gate.set()
    ends = [client.communicate(timeout=120) for client in clients]
    assert [client.returncode for client in clients] == [0, 0]
    assert all("waiting for the running session" in err for _, err in ends)
    wait_until(lambda: len(session.done) == 4)
    assert session.done == ["a dog -s2 -o own", "request", "request", "a fox -s2 -o own"] and len(program.images) == 2


class SlowEngine(FakeEngine):
    """An engine that pauses after each image, until it is stopped."""

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
def test_a_stopped_or_killed_client_ends_only_its_own_line(
    program: Program, open_session: SessionOpener, sign: signal.Signals
) -> None:
    engine = SlowEngine(program_settings())
    session = open_session(engine)
    command = [sys.executable, "-m", "invoke_cli", "a cat", "-s2", "-n2000"]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(program.images) > 1)
    session.worker.submit("a dog -s2 -o own")
    client.send_signal(sign)
    _, err = client.communicate(timeout=120)
    wait_until(lambda: session.done == ["request", "a dog -s2 -o own"], 30)
    if sign == signal.SIGINT:
        assert client.returncode == 130 and "stopped" in err
    assert len(program.images) < 2000 and len(list(Path("own").glob("*.png"))) == 1


def test_abandoned_results_do_not_answer_the_next_call(
    program: Program, open_session: SessionOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("invoke_cli.server.connection.STALL_SECONDS", 0.1)  # less than an image takes
    engine = UnstoppableEngine(program_settings())
    session = open_session(engine)
    remote = RemoteEngine(lambda: FakeEngine(program_settings()), compatibility_key(session.settings))
    hooks = Hooks(emit=lambda _: None)
    assert program("a cat -s2 -n3").status == 0 and remote.find_session(hooks)
    results = iter(remote.generate(engine.jobs[0], hooks))
    next(results)
    results.close()  # type: ignore[attr-defined]  # as when the first one could not be written
    assert remote.loaded() == engine.loaded() and remote.memory() == engine.memory()
    remote.unload()


class UnstoppableEngine(FakeEngine):
    """An engine that generates its images without checking whether to stop."""

    def generate(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        for result in super().generate(job, replace(hooks, stopped=lambda: False)):
            time.sleep(0.3)
            yield result


class KilledEngine(FakeEngine):
    """An engine whose process ends after so many images."""

    alive = 0
    session: OpenSession

    def generate(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        for number, result in enumerate(super().generate(job, hooks)):
            if number == self.alive:
                raise ConnectionLost("as if it had been killed")
            yield result


@pytest.mark.parametrize("finished", [0, 2])
def test_a_killed_session_is_replaced_or_reported(program: Program, open_session: SessionOpener, finished: int) -> None:
    engine = KilledEngine(program_settings())
    engine.alive = finished
    open_session(engine)
    result = program("a cat -s2 -S1 -n3")
    if finished:
        assert result.status == 1 and "was closed before this line was finished" in result.err
        assert len(program.images) == finished and program.engine is None
    else:
        assert result.status == 0 and "the running session has ended" in result.err
        assert len(program.images) == 3 and program.engine is not None


def test_messages_that_are_too_large_use_an_own_engine_or_are_errors(
    program: Program, open_session: SessionOpener, sketch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_session(FakeEngine(program_settings()))
    monkeypatch.setattr("invoke_cli.server.connection.MAX_BLOBS", 5000)  # less than the sketch
    sent = program(f"a cat -s2 -S1 -I {sketch} -f .5")
    assert sent.status == 0 and "cannot do this (too large to send)" in sent.err
    assert len(program.images) == 1 and program.engine is not None
    answered = program("a cat -s2 -S1")
    assert answered.status == 1 and "cannot send its result: too large" in answered.err
    assert "--no_session" in answered.err and not session.errors


@pytest.mark.parametrize("kind", ["end", "failed", "result", "event"])
def test_a_malformed_answer_falls_back_to_an_own_engine(program: Program, runtime: Path, kind: str) -> None:
    opened = listen(compatibility_key(Settings(SessionOptions())))
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

    answering = threading.Thread(target=answer)
    answering.start()
    assert program("a cat -s2").status == 0 and len(program.images) == 1 and program.engine is not None
    answering.join()


def test_a_suspended_client_is_reported_and_can_be_dropped(
    program: Program, open_session: SessionOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("invoke_cli.server.client_request.SILENT_SECONDS", 0.2)
    monkeypatch.setattr("invoke_cli.server.client_request.STOPPED_SECONDS", 0.1)
    engine = SlowEngine(program_settings())
    engine.pause = 0.5  # so that the caller is not stopped while it writes
    session = open_session(engine)
    command = [sys.executable, "-m", "invoke_cli", "a cat", "-s2", "-n2000", "-W", "512"]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(program.images) > 1)
    client.send_signal(signal.SIGSTOP)
    session.worker.submit("a dog -s2 -o own")
    wait_until(lambda: any("press Ctrl-C here to drop it" in str(event) for event in session.events))
    assert session.done == []
    session.requests[0].stop()
    wait_until(lambda: session.done[:1] == ["request"], 5)
    client.send_signal(signal.SIGCONT)
    wait_until(lambda: session.done[1:] == ["a dog -s2 -o own"])
    _, err = client.communicate(timeout=120)
    assert client.returncode == 1 and "was closed before this line was finished" in err


def test_an_error_of_the_engine_is_reported_by_the_client(program: Program, open_session: SessionOpener) -> None:
    from invoke_cli.errors import OutOfMemory

    engine = FakeEngine(program_settings())
    engine.fail_with = OutOfMemory("no room for it", hint="make it smaller", field="width")
    session = open_session(engine)
    result = program("a cat -s2 -W 512")
    assert result.status == 1 and "no room for it" in result.err and "make it smaller" in result.err
    engine.fail_with = RuntimeError("a bug")
    assert program("a cat -s2").status == 0 and program.engine is None, "the session did not survive"
    assert len(session.errors) == 1
