"""A pool of workers: each has a thread that takes work from the schedule, one piece at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from invoke_cli.engine import Hooks
from invoke_cli.errors import EngineLost, Interrupted, InvokeError, WorkerGone, WorkerUnfit
from invoke_cli.events import Emit, Level, Notice
from invoke_cli.workers.schedule import Schedule
from invoke_cli.workers.worker import Worker

MAX_ATTEMPTS = 2
MAX_WORKERS = 4096
_POLL_SECONDS = 0.05
_END_SECONDS = 10.0


@dataclass(slots=True, eq=False, kw_only=True)
class Work:
    """A piece of work for one worker.

    Attributes:
        run: Does the work; raises EngineLost if the worker ends meanwhile.
        kind: What the worker needs to have loaded; None if nothing.
        worker: The only worker that can do it; None for any.
        emit: Receives the notice of a second attempt.
        future: Its result.
        attempts: How many workers have begun it.
        cancelled: Set when its result is not needed any more.
    """

    run: Callable[[Worker], Any]
    kind: Hashable = None
    worker: Worker | None = None
    emit: Emit
    future: Future[Any] = field(default_factory=Future)
    attempts: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)


class WorkerPool:
    """Workers, and a thread for each.

    Work whose worker ends is done once more by another one; the second time, its error is the result. A worker that has
    ended is started again when it takes work. Work that a worker is not fit for goes to the others.

    Args:
        workers: The workers; each is started when its thread begins.
        hooks: The hooks for starting them.

    Attributes:
        workers: The workers, without those that have ended for good.
        ready: Set when a worker is ready, or none is left.
        closed: Set when the pool is closed.
    """

    def __init__(self, workers: Sequence[Worker], hooks: Hooks) -> None:
        self.workers: tuple[Worker, ...] = ()
        self._hooks = hooks
        self._schedule: Schedule[Work] = Schedule(patience=8 * len(workers))
        self._changed = threading.Condition()
        self._runner = ThreadPoolExecutor(MAX_WORKERS, thread_name_prefix="invoke-work")
        self._failure: InvokeError | None = None
        self._unfit: dict[Hashable, WorkerUnfit] = {}
        self.ready, self.closed = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []
        with self._changed:  # so that one that cannot be started does not leave before all have begun
            for worker in workers:
                self.add(worker)

    def add(self, worker: Worker) -> None:
        """Add a worker, and start it."""
        thread = threading.Thread(target=self._serve, args=[worker], name=f"invoke-{worker.name}", daemon=True)
        with self._changed:
            self.workers = (*self.workers, worker)
            self._threads.append(thread)
        thread.start()

    def submit(self, work: Work) -> None:
        """Add a piece of work; its future receives the result."""
        with self._changed:
            if self.closed.is_set() or not self.workers:
                work.future.set_exception(self._failure or EngineLost("there are no workers left"))
                return
            if work.worker is not None:
                self._schedule.add_for(work.worker.name, work)
            else:
                self._schedule.add(work, work.kind)
            self._changed.notify_all()
        self._fail_impossible()

    def result(self, work: Work, stopped: Callable[[], bool]) -> Any:
        """Wait for the result of a piece of work; one that is still waiting when the user stops is dropped.

        Raises:
            Interrupted: The user stopped before the work began.
            InvokeError: The work failed.
        """
        while not work.future.done():
            if stopped() and self._discard(work):
                work.future.cancel()
                raise Interrupted("stopped")
            self._wait(work)
        return work.future.result()

    def cancel(self, works: Sequence[Work]) -> None:
        """Drop work that still waits, and wait for the end of what has begun, which is stopped after its step."""
        for work in works:
            work.cancelled.set()
            if not work.future.done() and self._discard(work):
                work.future.cancel()
        for work in works:
            while not work.future.done():
                self._wait(work)

    def close(self, end: Callable[[Worker], None]) -> None:
        """End the threads, and the workers with `end`."""
        with self._changed:
            self.closed.set()
            self._changed.notify_all()
        for worker in self.workers:
            end(worker)
        for thread in self._threads:
            thread.join(_END_SECONDS)
        self._runner.shutdown(wait=False)

    @staticmethod
    def _wait(work: Work) -> None:
        try:
            work.future.exception(_POLL_SECONDS)
        except TimeoutError:
            return

    def _discard(self, work: Work) -> bool:
        with self._changed:
            return self._schedule.discard(work)

    # -- the threads ----------------------------------------------------------------------------------------------

    def _serve(self, worker: Worker) -> None:
        """Start a worker and let it do work until the pool is closed."""
        try:
            worker.start(self._hooks)
        except InvokeError as error:
            self._leave(worker, error, f"{worker.name} cannot be started: {error.message}")
            return
        self.ready.set()
        while (work := self._next_work(worker)) is not None:
            if isinstance(lost := self._do(worker, work), WorkerGone):
                self._leave(worker, lost, f"{worker.name} is lost: {lost.message}")
                return

    def _next_work(self, worker: Worker) -> Work | None:
        with self._changed:
            while not self.closed.is_set():
                work = self._schedule.next_for(worker.name)
                if work is not None:
                    return work
                self._changed.wait()
        return None

    def _do(self, worker: Worker, work: Work) -> BaseException | None:
        """Do a piece of work on a worker; return its error."""
        work.attempts += 1
        attempt = self._runner.submit(work.run, worker)
        error = attempt.exception()  # which the thread that waits for the work raises
        if isinstance(error, WorkerUnfit):
            self._pass_on(worker, work, error)
        elif isinstance(error, EngineLost):
            self._retry(worker, work, error)
        elif error is not None:
            work.future.set_exception(error)
        else:
            work.future.set_result(attempt.result())
        return error

    def _pass_on(self, worker: Worker, work: Work, error: WorkerUnfit) -> None:
        """Leave work that a worker cannot do, and all of its kind, to the others."""
        if work.worker is not None or work.cancelled.is_set():
            work.future.set_exception(error)
            return
        work.attempts -= 1
        work.kind = work.kind if work.kind is not None else work
        with self._changed:
            is_new = not self._schedule.refuses(worker.name, work.kind)
            self._schedule.refuse(worker.name, work.kind)
            self._unfit[work.kind] = error
            self._schedule.add_first(work, work.kind)
            self._changed.notify_all()
        if is_new:
            work.emit(Notice(text=f"{error.message}; others generate its images", level=Level.WARNING))
        self._fail_impossible()

    def _fail_impossible(self) -> None:
        """Fail the work that none of the workers can do."""
        with self._changed:
            names = [worker.name for worker in self.workers]
            refused = self._schedule.take_refused(names) if self._unfit and names else []
        for work in refused:
            work.future.set_exception(self._unfit[work.kind])

    def _retry(self, worker: Worker, work: Work, error: EngineLost) -> None:
        """Give the work of a worker that has ended to another one, unless it was lost before."""
        is_gone = isinstance(error, WorkerGone)
        work.attempts -= is_gone  # which was found before the work began
        with self._changed:
            orphans = self._schedule.forget(worker.name)
            is_last = work.attempts >= MAX_ATTEMPTS or work.worker is not None or self.closed.is_set()
            is_last = is_last or work.cancelled.is_set()
            if not is_last:
                self._schedule.add_first(work, work.kind)
            self._changed.notify_all()
        if is_last:
            work.future.set_exception(error)
        elif not is_gone:
            text = f"{worker.name} has ended ({error.message}); its image is generated again"
            work.emit(Notice(text=text, level=Level.WARNING))
        for orphan in orphans:
            orphan.future.set_exception(error)

    def _leave(self, worker: Worker, error: InvokeError, text: str) -> None:
        """Go on without a worker that cannot be started; without any, all work fails."""
        with self._changed:
            self.workers = tuple(each for each in self.workers if each is not worker)
            self._failure = self._failure or error
            waiting = [*self._schedule.forget(worker.name), *([] if self.workers else self._all_work())]
        if self.workers and not self.closed.is_set():
            self._hooks.emit(Notice(text=text, level=Level.WARNING))
        if not self.workers:
            self.ready.set()
        for work in waiting:
            work.future.set_exception(error)
        self._fail_impossible()

    def _all_work(self) -> list[Work]:
        found = []
        while (work := self._schedule.next_for("")) is not None:
            found.append(work)
        return found
