"""Which worker takes which work: in simulated time, without threads."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from invoke_cli.workers.schedule import Schedule

LOADING = 20.0


@dataclass(frozen=True)
class Line:
    """A line in simulated time: its place in the file, its model and its duration."""

    place: int
    model: str
    seconds: float


@dataclass
class Simulated:
    """What a simulation found."""

    makespan: float = 0.0
    loads: int = 0
    most_waiting: int = 0
    longest_delay: int = 0
    done: int = 0
    busy: float = 0.0


def simulate(lines: Iterator[Line], workers: int, ahead: int, loading: float = 0.0) -> Simulated:
    """Let workers take lines, of which at most `ahead` are read before they are begun."""
    schedule: Schedule[Line] = Schedule(patience=8 * workers)
    found = Simulated()
    idle = [(0.0, f"worker {number}") for number in range(workers)]
    models: dict[str, str] = {}
    is_read = False
    while True:
        while len(schedule) < ahead and not is_read:
            line = next(lines, None)
            is_read = line is None
            if line is not None:
                schedule.add(line, line.model)
        found.most_waiting = max(found.most_waiting, len(schedule))
        now, worker = heapq.heappop(idle)
        line = schedule.next_for(worker)
        if line is None:
            break
        found.longest_delay = max(found.longest_delay, found.done - line.place)
        found.done += 1
        wait = loading if models.get(worker) != line.model else 0.0
        found.loads += models.get(worker) != line.model
        models[worker] = line.model
        found.busy += line.seconds
        found.makespan = max(found.makespan, now + wait + line.seconds)
        heapq.heappush(idle, (now + wait + line.seconds, worker))
    return found


def uniform(chance: random.Random) -> float:
    return chance.uniform(1, 20)


def heavy_tailed(chance: random.Random) -> float:
    return min(60.0, chance.paretovariate(1.2))


@pytest.mark.parametrize("duration", [uniform, heavy_tailed])
@pytest.mark.parametrize(("workers", "count"), [(2, 400), (16, 3_000), (64, 10_000)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_makespan_is_near_the_best_possible(
    duration: Callable[[random.Random], float], workers: int, count: int, seed: int
) -> None:
    chance = random.Random(seed)
    lines = [Line(place, "one", duration(chance)) for place in range(count)]
    total, longest = sum(line.seconds for line in lines), max(line.seconds for line in lines)
    assert longest <= total / 20
    found = simulate(iter(lines), workers, ahead=3 * workers)
    assert found.done == count
    assert found.makespan <= 1.1 * max(total / workers, longest)
    assert found.busy / (found.makespan * workers) >= 0.9


def test_alternating_models_are_loaded_once_by_each_worker_at_most() -> None:
    lines = (Line(place, "one" if place % 2 else "two", 10.0) for place in range(200))
    found = simulate(lines, workers=2, ahead=6, loading=LOADING)
    assert found.loads == 2
    assert found.makespan == LOADING + 100 * 10.0


def test_no_line_waits_without_end_for_a_worker_with_its_model() -> None:
    """All but one of the lines need another model; the odd one is not passed over for longer than the limit."""
    lines = (Line(place, "rare" if place == 5 else "usual", 1.0) for place in range(5_000))
    found = simulate(lines, workers=4, ahead=12, loading=LOADING)
    assert found.done == 5_000
    assert found.longest_delay <= 8 * 4 + 12


def test_a_thousand_workers_and_a_hundred_thousand_lines_need_bounded_memory() -> None:
    chance = random.Random(4)
    lines = (Line(place, f"model {place % 7}", chance.uniform(1, 9)) for place in range(100_000))
    found = simulate(lines, workers=1_000, ahead=3_000)
    assert found.done == 100_000
    assert found.most_waiting <= 3_000
    assert found.busy / (found.makespan * 1_000) >= 0.9


def test_work_for_one_worker_and_work_without_a_model_come_first() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("image", "model")
    schedule.add("query", None)
    schedule.add_for("b", "second stage")
    assert [schedule.next_for("b"), schedule.next_for("a"), schedule.next_for("a")] == [
        "second stage", "query", "image",
    ]  # fmt: skip
    assert schedule.next_for("a") is None


def test_work_can_be_taken_back_while_it_waits() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("image", "model")
    assert schedule.discard("image")
    assert not schedule.discard("image")
    assert schedule.next_for("a") is None
