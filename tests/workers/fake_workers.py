"""Workers without torch or processes: threads with fake engines, which can end at any step."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator

from invoke_cli.engine import Engine, EngineSettings, Hooks, ImageResult, Job
from invoke_cli.errors import EngineLost
from invoke_cli.events import Event, Step
from tests.fake_engine import FakeEngine


class FakeWorker:
    """A worker on a thread of the test.

    Args:
        name: Its name.
        dies: Returns whether the worker ends now; called at each step and at the end of each job.
        seconds: How long each step takes.
    """

    def __init__(self, name: str, dies: Callable[[], bool] = lambda: False, seconds: float = 0.0) -> None:
        self.name = name
        self.deaths = 0
        self.gate: threading.Event | None = None
        self._engine = _MortalEngine(self, dies, seconds)

    @property
    def engine(self) -> Engine:
        return self._engine

    @property
    def jobs(self) -> list[Job]:
        return self._engine.jobs

    @property
    def loads(self) -> int:
        return self._engine.loads

    def start(self, hooks: Hooks) -> None:
        if self.gate is not None:
            self.gate.wait(30)

    def owns(self, state: object) -> bool:
        return any(state is each for each in self._engine.states)

    def kill(self) -> None:
        self._engine.is_killed = True


class _MortalEngine(FakeEngine):
    def __init__(self, worker: FakeWorker, dies: Callable[[], bool], seconds: float) -> None:
        super().__init__(EngineSettings())
        self._worker, self._dies, self._seconds = worker, dies, seconds
        self.states: list[object] = []
        self.is_killed = False
        self.loads = 0

    def generate(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        def emit(event: Event) -> None:
            self.loads += type(event).__name__ == "Loading"
            if isinstance(event, Step):
                time.sleep(self._seconds)
                self._live()
            hooks.emit(event)

        for result in super().generate(
            job, Hooks(emit=emit, stopped=hooks.stopped, counters=hooks.counters, viewer=hooks.viewer)
        ):
            self.states.append(result.state)
            yield result
        self._live()

    def _live(self) -> None:
        if self.is_killed or self._dies():
            self.is_killed = False
            self._loaded = None
            self.states.clear()
            self._worker.deaths += 1
            raise EngineLost("it was killed")


def deaths_at(moments: int, seed: int, every: int) -> Callable[[], bool]:
    """Return a function that is true at `moments` random calls, on average at each `every`-th."""
    chance, lock, left = random.Random(seed), threading.Lock(), [moments]

    def dies() -> bool:
        with lock:
            hit = left[0] > 0 and chance.randrange(every) == 0
            left[0] -= hit
            return hit

    return dies
