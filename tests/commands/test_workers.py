"""`!workers`: from the next line on, several images are generated at the same time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from invoke_cli.context.options import SessionOptions
from invoke_cli.context.outcome import Outcome
from invoke_cli.engine import EngineSettings, Hooks, ImageResult, Job
from invoke_cli.events import Failed, Message, Saved, Step
from invoke_cli.workers import opener
from tests.fake_engine import FakeEngine
from tests.session_harness import SessionHarness
from tests.workers.fake_workers import FakeWorker


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> SessionHarness:
    def workers(count: int, devices: Sequence[str], settings: EngineSettings, hooks: Hooks) -> list[FakeWorker]:
        names = devices or [f"worker {number}" for number in range(1, count + 1)]
        return [FakeWorker(name, seconds=0.01) for name in names]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(opener, "local_workers", workers)
    monkeypatch.setattr(opener, "accelerators", lambda: ())
    return SessionHarness(tmp_path, tiny_model, FakeEngine)


def names(harness: SessionHarness) -> set[str]:
    return {event.worker for event in harness.events if isinstance(event, Saved)}


@pytest.mark.feature("workers")
def test_workers_are_used_from_the_next_line_on_and_can_be_turned_off(harness: SessionHarness) -> None:
    harness.run("a cat -n 4 -s 3 -S 1")
    assert names(harness) == {""}
    harness.run("!workers 2", "a cat -n 4 -s 3 -S 1")
    assert names(harness) == {"worker 1", "worker 2"}
    assert [event.number for event in harness.events if isinstance(event, Saved)] == [5, 6, 7, 8]
    harness.run("!workers")
    assert [event.text for event in harness.events if isinstance(event, Message)] == ["2 workers"]
    harness.run("!workers off", "a cat -n 2 -s 3 -S 1")
    assert names(harness) == {""}
    folder = harness.folder / "outputs"
    for first, second in ((1, 5), (2, 6), (3, 7), (4, 8)):
        one, other = (next(folder.glob(f"{number:06d}.*.png")) for number in (first, second))
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    "line", ["a {red|green|blue} cat -s 3", "!sweep a cat -s 2,3,4 -S 1", "a cat -s 3 | oil -f .5 -n 3"]
)
def test_variants_cells_and_chains_spread_over_the_workers(harness: SessionHarness, line: str) -> None:
    assert harness.run("!workers 3", line, "a dog -n 3 -s 2") is Outcome.OK
    assert {event.worker for event in harness.events if isinstance(event, Step)} == {"worker 1", "worker 2", "worker 3"}


@pytest.mark.parametrize("argument", ["0", "many", "-3", "1000", "2 3"])
def test_other_arguments_are_one_error(harness: SessionHarness, argument: str) -> None:
    assert harness.run(f"!workers {argument}") is not Outcome.OK
    (failed,) = [event.error for event in harness.events if isinstance(event, Failed)]
    assert "auto" in failed.message + failed.hint
    assert harness.run("a cat -s 1") is Outcome.OK


def test_more_workers_than_devices_is_an_error_that_names_devices(
    harness: SessionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opener, "accelerators", lambda: ("cuda:0", "cuda:1"))
    assert harness.run("!workers 4") is not Outcome.OK
    (failed,) = [event.error for event in harness.events if isinstance(event, Failed)]
    assert failed.message == "there are 2 devices for 4 workers"
    assert "--devices cuda:0,cuda:1" in failed.hint
    harness.run("!workers auto", "a cat -n 6 -s 3")
    assert names(harness) == {"cuda:0", "cuda:1"}


def test_a_line_is_stopped_on_all_workers(harness: SessionHarness) -> None:
    harness.run("!workers 2", "a cat -s 1")
    session, began = harness.session, time.monotonic()
    emit = session.context.emit

    def stop_at_third_step(event: object) -> None:
        emit(event)  # type: ignore[arg-type]
        if isinstance(event, Step) and event.step == 3:
            session.stop()

    session.context.emit = stop_at_third_step
    assert session.run("a cat -n 20 -s 100") is Outcome.INTERRUPTED
    assert time.monotonic() - began < 20
    session.context.emit = emit
    assert harness.run("a dog -n 2 -s 1") is Outcome.OK


def test_lines_that_wait_for_a_worker_end_when_the_user_stops(harness: SessionHarness) -> None:
    """Images of which no step has begun are dropped, and the session goes on."""
    harness.run("!workers 2", "a cat -s 1")
    session = harness.session
    emit = session.context.emit

    def stop_at_first_step(event: object) -> None:
        emit(event)  # type: ignore[arg-type]
        if isinstance(event, Step):
            session.stop()

    session.context.emit = stop_at_first_step
    assert session.run("a {red|green|blue|black} cat -n 5 -s 100") is Outcome.INTERRUPTED
    session.context.emit = emit
    assert harness.run("a dog -n 2 -s 1") is Outcome.OK


def test_devices_alone_are_workers_and_off_ends_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harness: SessionHarness, tiny_model: Path
) -> None:
    """`--devices` needs no `--workers`; `!workers off` returns to the engine of a session without workers."""
    options = SessionOptions(root=str(tmp_path / "root"), devices="cuda:0,cuda:2")
    started = SessionHarness(tmp_path, tiny_model, FakeEngine, options)
    started.run("a cat -n 4 -s 3")
    assert names(started) == {"cuda:0", "cuda:2"}
    started.run("!workers off", "a cat -n 2 -s 3")
    assert names(started) == {""} and isinstance(started.session.context.engine, FakeEngine)


@pytest.mark.parametrize("line", ["a cat -s 3 -n 2 --trace", "a cat -s 3 -n 3 --trace | oil -f .5"])
def test_the_trace_counts_the_work_of_all_workers(harness: SessionHarness, line: str) -> None:
    """The totals are those of one engine. The fake engine counts nothing itself, so a decode is added to each image."""
    generate = FakeEngine.generate

    def counted(engine: FakeEngine, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        for result in generate(engine, job, hooks):
            hooks.counters.decoded(1)
            yield result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeEngine, "generate", counted)
        harness.run(line)
        alone = harness.traces[-1]
        harness.run("!workers 2", line)
    assert alone == harness.traces[-1] and "decodes=0" not in alone
