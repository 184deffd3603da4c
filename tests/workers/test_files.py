"""Lines of a file with several workers: the files, numbers and records of a single one."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from invoke_cli.console.json_events import json_line
from invoke_cli.context.outcome import Outcome
from invoke_cli.context.paths import PACKAGE
from invoke_cli.events import Failed, Notice, Progress, Saved, Step
from invoke_cli.generation.line import LineRun
from invoke_cli.ordered_batch import Part
from invoke_cli.output.batch_journal import BatchJournal
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.writer import SavedImage, _SaveJob
from invoke_cli.workers.pool import Work, WorkerPool
from tests.json_schema import errors
from tests.session_harness import SessionHarness
from tests.workers.fake_workers import FakeWorker, deaths_at
from tests.workers.farm import MIXED, Farm, contents, log, records, said, some


@pytest.mark.feature("workers")
@pytest.mark.parametrize("count", [pytest.param(2, marks=pytest.mark.slow), 4])
def test_any_number_of_workers_gives_the_same_files_numbers_history_and_log(farm: Farm, count: int) -> None:
    one, first = farm.run("one", MIXED, some(1))
    expected = said(farm.events)
    many, outcomes = farm.run("many", MIXED, some(count, seconds=0.001))
    assert contents(many) == contents(one)
    assert len(contents(one)) > 30
    assert records(many) == records(one)
    assert log(many) == log(one)
    assert said(farm.events) == expected
    assert set(outcomes) == set(first)
    assert sum(bool(worker.jobs) for worker in farm.workers) == count
    Path("named.png").unlink()


def test_one_worker_gives_what_a_process_without_workers_gives(farm: Farm) -> None:
    alone, _ = farm.run("alone", MIXED, [])
    one, _ = farm.run("one", MIXED, some(1))
    assert contents(one) == contents(alone)


def test_lines_of_two_models_load_each_once_per_worker(farm: Farm, tiny_model: Path) -> None:
    entries = Path("root/configs/models.yaml")
    farm.run("warm", ["a cat -s 1 -S 1"], some(1))
    other = f"other:\n  description: random\n  path: {tiny_model}\n"
    entries.write_text(entries.read_text(encoding="utf-8") + other, encoding="utf-8")
    lines = [f"a cat -s 2 -S {number} -m {'tiny' if number % 2 else 'other'}" for number in range(24)]
    workers = some(2, seconds=0.01)
    is_read = threading.Event()
    for worker in workers:
        worker.gate = is_read
    original = SessionHarness.__init__

    def keeping_entries(harness: SessionHarness, *arguments: object, **named: object) -> None:
        text = entries.read_text(encoding="utf-8")
        original(harness, *arguments, **named)  # type: ignore[arg-type]
        entries.write_text(text, encoding="utf-8")

    def submit(pool: WorkerPool, work: Work) -> None:
        original_submit(pool, work)
        queued.append(work)
        if len(queued) == len(lines):  # all images wait
            is_read.set()

    queued: list[Work] = []
    original_submit = WorkerPool.submit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("invoke_cli.context.lanes.AHEAD", len(lines))
        patch.setattr(LineRun, "_check_memory", lambda _: None)  # which would wait for a worker
        patch.setattr(WorkerPool, "submit", submit)
        patch.setattr(SessionHarness, "__init__", keeping_entries)
        farm.run("models", lines, workers)
    # Each worker loads a model at most once, and only one that has run out of lines takes over some of the other: on a
    # busy machine, a thread may begin late (exact counts are in the simulation of test_schedule.py). A load is
    # reported at its beginning and at its end.
    loads = [worker.loads // 2 for worker in workers]
    assert max(loads) <= 2 and sum(loads) <= 3
    assert sum(len(worker.jobs) for worker in workers) == 24


@pytest.mark.feature("workers")
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 10))])
def test_workers_that_die_lose_and_repeat_nothing(farm: Farm, seed: int) -> None:
    """Five deaths in each run, at random steps: fifty in all."""
    one, _ = farm.run("one", MIXED, some(1))
    Path("named.png").unlink()
    dies = deaths_at(5, random.Random(seed).randrange(10**6), every=40)
    workers = [FakeWorker(f"worker {number}", dies) for number in range(1, 4)]
    many, outcomes = farm.run("many", MIXED, workers)
    deaths = sum(worker.deaths for worker in workers)
    assert deaths >= 1
    if not any(isinstance(event, Failed) and "killed" in event.error.message for event in farm.events):
        assert contents(many) == contents(one)  # no image met with two deaths
        assert log(many) == log(one)
    notices = [event.text for event in farm.events if isinstance(event, Notice) and "killed" in event.text]
    assert notices
    assert Outcome.OK in outcomes
    assert not list(many.glob("**/*.part"))


def test_an_image_on_which_two_workers_die_fails_alone(farm: Farm) -> None:
    def fatal(worker: FakeWorker) -> Callable[[], bool]:
        return lambda: bool(worker.jobs) and worker.jobs[-1].plan.prompt.positive == "a fatal image"

    workers = some(2)
    for worker in workers:
        worker._engine._dies = fatal(worker)
    folder, outcomes = farm.run("fatal", ["a cat -S1 -s2", "a fatal image -S2 -s2", "a dog -S3 -s2"], workers)
    failed = [event for event in farm.events if isinstance(event, Failed)]
    assert [event.number for event in failed] == [2]
    # The failed line keeps its number, so that the numbers of the others do not depend on it.
    assert sorted(path.name for path in folder.glob("*.png")) == ["000001.1.png", "000003.3.png"]
    assert set(outcomes) == {Outcome.OK, Outcome.FAILED}


def test_a_worker_that_hangs_between_two_steps_is_ended(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invoke_cli.workers.pool_engine.LEAST_PATIENCE", 0.05)
    workers = some(2, seconds=0.001)
    hangs = workers[0]
    generate = hangs._engine.generate

    def hang(job: object, hooks: object) -> object:
        import time

        from invoke_cli.errors import EngineLost
        from invoke_cli.events import Step as StepEvent

        if hangs.deaths:
            yield from generate(job, hooks)  # type: ignore[arg-type]
            return
        for step in (0, 1, 2):
            hooks.emit(StepEvent(image=1, images=1, step=step, steps=9, seconds=0.1))  # type: ignore[attr-defined]
        deadline = time.monotonic() + 20
        while not hangs._engine.is_killed:
            hooks.stopped()  # type: ignore[attr-defined]
            assert time.monotonic() < deadline
        hangs.deaths += 1
        hangs._engine.is_killed = False
        raise EngineLost("it was killed")

    monkeypatch.setattr(hangs._engine, "generate", hang)
    folder, outcomes = farm.run("hangs", [f"a cat -s 2 -S {number}" for number in range(4)], workers)
    assert hangs.deaths == 1
    assert set(outcomes) == {Outcome.OK}
    assert len(list(folder.glob("*.png"))) == 4


@pytest.mark.feature("parts-of-files")
@pytest.mark.parametrize(
    "borders", [(3, 11), *(pytest.param(many, marks=pytest.mark.slow) for many in ((7,), (1, 2, 3, 4, 5, 8, 13)))]
)
def test_the_parts_of_a_file_are_the_whole(farm: Farm, borders: Sequence[int]) -> None:
    """Lines that need results of others are left out: they need these in the same folder."""
    lines = [line for line in MIXED if not re.search(r"@last|-I -1|-S -1|named|!sweep|inputs", line)]
    whole, _ = farm.run("whole", lines, [], Part(base_seed=7, first_number=1))
    found: dict[str, bytes] = {}
    ends = [*borders, len(lines)]
    for first, last in zip([1, *(border + 1 for border in borders)], ends, strict=True):
        part = Part(first=first, last=last, base_seed=7, first_number=1)
        folder, _ = farm.run(f"part{first}", lines, some(2), part)
        pieces = contents(folder) if folder.is_dir() else {}
        assert not found.keys() & pieces.keys()
        found |= pieces
    assert found == contents(whole)


def test_steps_name_the_worker_and_the_line(farm: Farm) -> None:
    farm.run("steps", ["a cat -s 2 -S 1", "a dog -s 2 -S 2"], some(2, seconds=0.005))
    steps = [event for event in farm.events if isinstance(event, Step)]
    assert {step.worker for step in steps} == {"worker 1", "worker 2"}
    assert {step.line for step in steps} == {1, 2}
    assert {event.worker for event in farm.events if isinstance(event, Saved)} <= {"worker 1", "worker 2"}


class _Stop(Exception):
    """Ends a run in the middle, as a killed process does."""


@pytest.mark.feature("resume-files")
@pytest.mark.parametrize("moment", [9, *(pytest.param(moment, marks=pytest.mark.slow) for moment in (3, 17, 24))])
def test_an_interrupted_run_is_continued_without_repeating_anything(
    farm: Farm, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run ends before its writer writes a certain image; the second one writes what is missing."""
    lines = [line for line in MIXED if "!" not in line and "--nothing" not in line and "nothing.png" not in line]
    whole, _ = farm.run("whole", lines, some(2), Part(base_seed=3))
    Path("named.png").unlink()
    expected, expected_records = contents(whole), records(whole)
    written: list[str] = []
    finish = BatchJournal.finish
    original = _SaveJob.run

    def run(job: _SaveJob) -> SavedImage:
        if len(written) == moment:
            raise _Stop
        written.append("")
        return original(job)

    journal = BatchJournal(OutputFolder(Path("parts").absolute()), "a" * 64)
    with monkeypatch.context() as patch:
        patch.setattr(_SaveJob, "run", run)
        patch.setattr(BatchJournal, "finish", lambda self, line: None if len(written) == moment else finish(self, line))
        farm.run("parts", lines, some(2), Part(base_seed=3), journal=journal)
    before = {name: (Path("parts") / name).stat().st_ino for name in contents(Path("parts"))}
    again = BatchJournal(OutputFolder(Path("parts").absolute()), "a" * 64)
    again.read()
    assert again.base_seed == 3
    folder, outcomes = farm.run("parts", lines, some(2), Part(base_seed=3), journal=again)
    assert set(outcomes) == {Outcome.OK}
    assert contents(folder) == expected
    assert [row[:-1] for row in records(folder)] == [row[:-1] for row in expected_records]
    assert {name: (folder / name).stat().st_ino for name in before} == before  # none was written again
    third = BatchJournal(OutputFolder(folder), "a" * 64)
    third.read()
    workers = some(2)
    farm.run("parts", lines, workers, Part(base_seed=3), journal=third)
    assert not any(worker.jobs for worker in workers)


def test_progress_counts_the_lines_and_all_events_follow_the_schema(farm: Farm) -> None:
    farm.run("progress", [f"a cat -s 2 -S {number}" for number in range(6)], some(2, seconds=0.005))
    progress = [event for event in farm.events if isinstance(event, Progress)]
    assert [event.begun for event in progress] == [1, 2, 3, 4, 5, 6]
    assert all(0 <= event.complete <= event.begun for event in progress)
    assert progress[0].complete < progress[-1].begun
    schema = json.loads((Path(PACKAGE) / "assets" / "events.schema.json").read_text(encoding="utf-8"))
    for event in farm.events:
        assert list(errors(json.loads(json_line(event)), schema)) == []
