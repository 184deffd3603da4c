"""Run tasks at the same time, as if they had run one after the other: their events and their results keep the order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from invoke_cli.context.context import InOrder, SessionContext
from invoke_cli.engine.counters import Counters
from invoke_cli.events import Emit, Event, Step

T = TypeVar("T")

# Prepares a task in the order of the tasks, on the calling thread; what it returns may run beside others.
Task = Callable[[SessionContext], Callable[[], T]]

AHEAD = 3  # tasks that are prepared for each one that can run at the same time


class Turns:
    """Lets events of several tasks through in the order of the tasks; those of later tasks wait.

    Steps pass at once, since they show what is happening now.

    Args:
        emit: Receives the events.
        in_order: Receives the functions to call; None to call them here.
    """

    def __init__(self, emit: Emit, in_order: InOrder | None) -> None:
        self._emit, self._in_order = emit, in_order
        self._lock = threading.RLock()
        self._queue: deque[Turn] = deque()

    def new(self) -> Turn:
        """Return the turn of a further task."""
        with self._lock:
            turn = Turn(self)
            self._queue.append(turn)
            return turn

    def pass_on(self, turn: Turn, item: Event | Callable[[], None]) -> None:
        """Emit an event, or call a function, when it is the task's turn."""
        if isinstance(item, Step):
            self._emit(item)
            return
        with self._lock:
            if self._queue and self._queue[0] is turn:
                self._release(item)
            else:
                turn.waiting.append(item)

    def count(self, counters: Counters, part: Counters) -> None:
        """Add the work of a task to that of all."""
        with self._lock:
            counters.add(part)

    def end(self, turn: Turn) -> None:
        """End a task; the next one has its turn once all tasks before it have ended."""
        with self._lock:
            turn.has_ended = True
            while self._queue and self._queue[0].has_ended:
                self._queue.popleft()
                if self._queue:
                    waiting, self._queue[0].waiting = self._queue[0].waiting, []
                    for item in waiting:
                        self._release(item)

    def _release(self, item: Event | Callable[[], None]) -> None:
        if not callable(item):
            self._emit(item)
        elif self._in_order is not None:
            self._in_order(item)
        else:
            item()


class Turn:
    """The turn of one task.

    Attributes:
        waiting: What waits for the turn.
        has_ended: Whether the task has ended.
    """

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.waiting: list[Event | Callable[[], None]] = []
        self.has_ended = False

    def emit(self, event: Event) -> None:
        """Emit an event when it is the task's turn."""
        self._turns.pass_on(self, event)

    def when_due(self, action: Callable[[], None]) -> None:
        """Call a function when it is the task's turn."""
        self._turns.pass_on(self, action)

    def end(self) -> None:
        """End the task."""
        self._turns.end(self)


class Lanes:
    """Runs tasks at the same time, each with a context of its own.

    Args:
        context: The context of the tasks.
        ahead: The number of tasks that may be prepared before the first of them has ended.
    """

    def __init__(self, context: SessionContext, ahead: int | None = None) -> None:
        self._context = context
        self._ahead = ahead or AHEAD * context.width
        self._turns = Turns(context.emit, context.in_order)
        self._threads = ThreadPoolExecutor(self._ahead, thread_name_prefix="invoke-lane")
        self._running: deque[Future[object]] = deque()

    def start(self, task: Task[T]) -> Future[T]:
        """Prepare a task, and run it beside others. Waits while too many have begun.

        Raises:
            InvokeError: The task cannot be prepared.
        """
        while len(self._running) >= self._ahead:
            self._running.popleft().exception()
        turn = self._turns.new()
        child = self._context.lane(turn.emit, turn.when_due)
        try:
            work = task(child)
        except BaseException:
            turn.end()
            raise
        future = self._threads.submit(self._run, work, child, turn)
        self._running.append(future)  # type: ignore[arg-type]
        return future

    def wait(self) -> None:
        """Wait until all tasks have ended."""
        while self._running:
            self._running.popleft().exception()

    def close(self) -> None:
        """Wait for all tasks, and end the threads."""
        self.wait()
        self._threads.shutdown()

    def _run(self, work: Callable[[], T], child: SessionContext, turn: Turn) -> T:
        try:
            return work()
        finally:
            self._turns.count(self._context.counters, child.counters)
            turn.when_due(lambda: self._context.take_over(child))
            turn.end()


def in_lanes(context: SessionContext, tasks: Iterable[Task[T]]) -> Iterator[T]:
    """Yield the results of tasks in order; they run at the same time if the context is wide enough.

    After a task has failed no further one begins, and its error is raised once those that had begun have ended.
    """
    if context.width == 1:
        for task in tasks:
            yield task(context)()
        return
    lanes, begun = Lanes(context), deque[Future[T]]()
    try:
        for task in tasks:
            begun.append(lanes.start(task))
            while begun and begun[0].done():
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        lanes.close()
