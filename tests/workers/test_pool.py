"""The pool of workers: work that a worker is not fit for, workers that are lost for good, and further ones."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from invoke_cli.engine import Hooks
from invoke_cli.errors import EngineLost, InvokeError, WorkerGone, WorkerUnfit
from invoke_cli.events import Event, Notice
from invoke_cli.workers.pool import Work, WorkerPool
from invoke_cli.workers.worker import Worker
from tests.workers.farm import some


@pytest.fixture
def events() -> list[Event]:
    return []


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice)]


def work(events: list[Event], run: Callable[[Worker], Any], kind: object = "model") -> Work:
    return Work(run=run, kind=str(kind), emit=events.append)


def results(pool: WorkerPool, works: list[Work]) -> list[Any]:
    for each in works:
        pool.submit(each)
    return [pool.result(each, lambda: False) for each in works]


def test_work_goes_to_the_workers_that_are_fit_for_it(events: list[Event]) -> None:
    def run(worker: Worker) -> str:
        if worker.name == "worker 1":
            raise WorkerUnfit("worker 1 has no model x")
        return worker.name

    pool = WorkerPool(some(2), Hooks(emit=events.append))
    assert results(pool, [work(events, run) for _ in range(20)]) == ["worker 2"] * 20
    assert len(texts(events)) <= 1
    assert results(pool, [work(events, lambda worker: worker.name, "other")])[0] in ("worker 1", "worker 2")
    pool.close(lambda _: None)


def test_work_for_which_no_worker_is_fit_fails_alone(events: list[Event]) -> None:
    def unfit(worker: Worker) -> None:
        raise WorkerUnfit(f"{worker.name} has no model x")

    pool = WorkerPool(some(3), Hooks(emit=events.append))
    impossible = [work(events, unfit, "x") for _ in range(4)]
    for each in impossible:
        pool.submit(each)
    for each in impossible:
        with pytest.raises(WorkerUnfit, match="has no model x"):
            pool.result(each, lambda: False)
    later = work(events, unfit, "x")
    pool.submit(later)
    assert later.future.done()
    assert len(results(pool, [work(events, lambda worker: worker.name, "y") for _ in range(4)])) == 4
    pool.close(lambda _: None)


def test_a_worker_that_is_lost_for_good_costs_its_work_no_attempt(events: list[Event]) -> None:
    lost = threading.Event()

    def run(worker: Worker) -> str:
        if worker.name == "worker 1":
            lost.set()
            raise WorkerGone("its machine has left")
        lost.wait(10)
        return worker.name

    pool = WorkerPool(some(2), Hooks(emit=events.append))
    works = [work(events, run) for _ in range(8)]
    assert results(pool, works) == ["worker 2"] * 8
    assert {each.attempts for each in works} == {1}
    assert texts(events) == ["worker 1 is lost: its machine has left"]
    assert [worker.name for worker in pool.workers] == ["worker 2"]
    pool.close(lambda _: None)


def test_a_worker_that_is_added_takes_waiting_work(events: list[Event]) -> None:
    begun, added = threading.Event(), threading.Event()

    def run(worker: Worker) -> str:
        begun.set()
        if worker.name == "worker 1":
            added.wait(10)
        else:
            added.set()
        return worker.name

    pool = WorkerPool(some(1), Hooks(emit=events.append))
    works = [work(events, run) for _ in range(6)]
    for each in works:
        pool.submit(each)
    assert begun.wait(10)
    pool.add(some(2)[1])
    assert {pool.result(each, lambda: False) for each in works} == {"worker 1", "worker 2"}
    pool.close(lambda _: None)


def test_when_all_are_gone_the_work_fails_with_the_reason(events: list[Event]) -> None:
    def run(worker: Worker) -> None:
        raise WorkerGone(f"{worker.name} was switched off")

    pool = WorkerPool(some(2), Hooks(emit=events.append))
    works = [work(events, run) for _ in range(3)]
    for each in works:
        pool.submit(each)
    for each in works:
        with pytest.raises(InvokeError, match="was switched off") as caught:
            pool.result(each, lambda: False)
        assert isinstance(caught.value, EngineLost)
    pool.close(lambda _: None)
