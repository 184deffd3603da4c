"""Files that run with workers of any kind, in folders of their own, and what is compared between the runs."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from invoke_cli.context.options import SessionOptions
from invoke_cli.context.outcome import Outcome
from invoke_cli.engine import Engine, EngineSettings, Hooks
from invoke_cli.events import Event, Failed, Saved
from invoke_cli.interruption import InterruptionHandler
from invoke_cli.ordered_batch import OrderedBatch, Part
from invoke_cli.output.batch_journal import BatchJournal
from invoke_cli.output.numbering import NextNumbers, NumbersFrom
from invoke_cli.workers.pool import WorkerPool
from invoke_cli.workers.pool_engine import PoolEngine
from tests.fake_engine import FakeEngine
from tests.session_harness import SessionHarness
from tests.workers.fake_workers import FakeWorker

MIXED = (
    "a cat -s 3 -S 1",
    "a dog -s 3",
    "a {red|green|blue} bird -s 2 -S 4 -g",
    "a house -s 3 -n 5 -S 9",
    "# a comment",
    "a tree -s 2 -I @last -f .5",
    "sea -s 2 -I sketch.png -f .6 | oil painting -f .5 -s 2 | -U 2 -f .3",
    "a boat -s 2 -S -1",
    "no such switch --nothing",
    "!set -s 4",
    "a castle",
    "a castle -v .2 -n 3 -S 7",
    "a face -I sketch.png -M mask.png -f .8 -S 3",
    "a pair -n 2 -S 1 -g",
    "a folder -I inputs -f .5 -S 2",
    "!sweep a {calm|wild} sea -s 2,3 -S 5",
    "again -I -1 -f .4 -S 8",
    "named -o named.png -S 2 -s 2",
    "again -I named.png -f .5 -S 2",
    "missing -I nothing.png",
)


class Farm:
    """Runs files with fake workers in folders of their own.

    Attributes:
        events: The events of the last run.
        workers: Its workers.
        open: Opens another engine in place of one with the workers; None for these.
    """

    def __init__(self, folder: Path, model: Path) -> None:
        self._folder, self._model = folder, model
        self.events: list[Event] = []
        self.workers: list[FakeWorker] = []
        self.open: Callable[[EngineSettings], Engine] | None = None

    def run(
        self,
        name: str,
        lines: Sequence[str],
        workers: Sequence[FakeWorker],
        part: Part | None = None,
        journal: BatchJournal | None = None,
    ) -> tuple[Path, list[Outcome]]:
        """Run lines into the folder `name`; return it and the outcomes."""
        self.workers = list(workers)
        options = SessionOptions(root=str(self._folder / "root"))
        harness = SessionHarness(self._folder, self._model, self._opener, options)
        session, part = harness.session, part or Part(base_seed=1)
        session.run(f"!set -o {name}")
        harness.events.clear()
        context = session.context
        context.width = max(1, len(workers))
        context.numbering = NextNumbers() if part.first_number is None else NumbersFrom(part.first_number)
        numbered = iter([(number, line) for number, line in enumerate(lines, start=1)])
        with session, InterruptionHandler(session) as handler:
            batch = OrderedBatch(session, handler, part)
            batch.journal = journal
            if journal is not None and journal.base_seed is None:
                journal.begin(part.base_seed or 0)
            outcomes = batch.run(numbered)
        self.events = harness.events
        return self._folder / name, outcomes

    def _opener(self, settings: EngineSettings) -> Engine:
        if self.open is not None:
            return self.open(settings)
        if not self.workers:
            return FakeEngine(settings)
        return PoolEngine(WorkerPool(self.workers, Hooks(emit=lambda _: None)))


def some(count: int, **options: float) -> list[FakeWorker]:
    return [FakeWorker(f"worker {number}", **options) for number in range(1, count + 1)]  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of an output folder by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".png", ".csv", ".html")}


def log(folder: Path) -> str:
    return (folder / "invoke_log.txt").read_text(encoding="utf-8").replace(f"{folder.name}/", "X/")


def records(folder: Path) -> list[tuple[object, ...]]:
    """Return the images of the history without the times and the identifier of the session."""
    with sqlite3.connect(folder / ".invoke" / "history.sqlite3") as database:
        rows = database.execute("SELECT number, path, line, seed, pixel_sha256, kind, run FROM images ORDER BY number")
        return [(*row[:-1], re.sub(r"^\w+:", "", str(row[-1]))) for row in rows]


def said(events: Sequence[Event]) -> list[str]:
    """Return what was reported, without steps, times and paths of the folder."""
    texts = [f"{event.number} {event.line}" for event in events if isinstance(event, Saved)]
    failed = [event.error.message for event in events if isinstance(event, Failed)]
    return [*texts, *failed]
