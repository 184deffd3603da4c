"""The lines of a file with workers, or a part of them: numbers and seeds follow the order of the lines.

Lines that need no results of earlier ones run at the same time; their results are reported in order.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

from invoke_cli.batch import numbered_lines
from invoke_cli.commands.table import find_command
from invoke_cli.console.console import Console
from invoke_cli.context.context import SessionContext, Streams
from invoke_cli.context.lanes import Lanes
from invoke_cli.context.options import session_options
from invoke_cli.context.outcome import Outcome, exit_status
from invoke_cli.context.paths import expand_path, is_file
from invoke_cli.context.settings import Settings
from invoke_cli.errors import ConfigError, Interrupted, InvokeError, LineError
from invoke_cli.events import Event, Failed, NullViewer, Progress, Step
from invoke_cli.generation.dependence import needs_earlier_results, writes_named_file
from invoke_cli.input_files import open_lines
from invoke_cli.interruption import InterruptionHandler
from invoke_cli.language.grammar.line import Blank, CommandLine, Generation, parse
from invoke_cli.language.switches.launch import Options
from invoke_cli.output.batch_journal import BatchJournal, JournalledNumbers
from invoke_cli.output.numbering import NextNumbers, NumbersFrom
from invoke_cli.replay.logged_lines import adapt_logged_line
from invoke_cli.request import GenerationRequest
from invoke_cli.session import Session, discard_event

_BLOCK = 1 << 20
PART_OPTIONS = ("lines", "shard", "base_seed", "first_number", "resume")


def from_file_in_order(console: Console, options: Options, defaults: GenerationRequest, source: str) -> int:
    """Run the lines of a file, or a part of them, with workers if there are any; return the exit status."""
    settings = Settings(session_options(options, defaults))
    streams = Streams(viewer=NullViewer(), width=console.width)
    part = Part.from_options(options, source)
    emit = _OneInterruption(console)
    with Session(settings, emit=emit, streams=streams) as session, InterruptionHandler(session) as handler:
        context = session.context
        context.numbering = NextNumbers() if part.first_number is None else NumbersFrom(part.first_number)
        batch = OrderedBatch(session, handler, part)
        if is_file(expand_path(source)):
            batch.total = sum(1 for number, _ in numbered_lines(source) if part.contains(number))
            batch.journal = _journal(context, source, part, resume="resume" in options)
        elif "resume" in options:
            raise ConfigError("--resume needs a file whose lines can be read again", hint="use --from_file FILE")
        return exit_status(batch.run(numbered_lines(source)))


def _journal(context: SessionContext, source: str, part: Part, *, resume: bool) -> BatchJournal | None:
    """Return the journal of a file of lines: that of the interrupted run, or a new one."""
    with open_lines(expand_path(source)) as stream:
        digest = hashlib.sha256()
        while block := stream.read(_BLOCK):
            digest.update(block)
    journal = BatchJournal(context.folder(), digest.hexdigest())
    if resume:
        journal.read()
        if journal.complete:
            context.notice(f"{len(journal.complete)} lines are complete; the others are generated")
    if not resume or journal.base_seed is None:
        journal.begin(context.random_seed() if part.base_seed is None else part.base_seed)
    return journal


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part of the lines of a file.

    Attributes:
        first: Its first line, from 1.
        last: Its last line; None for that of the file.
        base_seed: The seed from which those of lines without `-S` follow; None for random ones.
        first_number: The number of the first image of the file; None for the next free one.
    """

    first: int = 1
    last: int | None = None
    base_seed: int | None = None
    first_number: int | None = None

    @classmethod
    def from_options(cls, options: Options, source: str) -> Part:
        """Return the part that the launch options select. Raises ConfigError if they contradict each other."""
        if "lines" in options and "shard" in options:
            raise ConfigError("--lines and --shard exclude each other", hint="use one of them")
        first, last = 1, None
        if "lines" in options:
            first, last = _range_of(str(options["lines"]))
        elif "shard" in options:
            first, last = _shard_of(str(options["shard"]), source)
        seed, number = _number(options, "base_seed"), _number(options, "first_number")
        return cls(first=first, last=last, base_seed=seed, first_number=number)

    def contains(self, number: int) -> bool:
        """Return whether a line belongs to the part."""
        return number >= self.first and (self.last is None or number <= self.last)


class OrderedBatch:
    """The lines of one file.

    Attributes:
        total: The number of the lines that will run; None if it is not known.
        journal: Records what is complete; None for lines that cannot be read again.
    """

    def __init__(self, session: Session, handler: InterruptionHandler, part: Part) -> None:
        self._session, self._handler, self._part = session, handler, part
        self._lanes: Lanes | None = None
        self._running: deque[Future[Outcome]] = deque()
        self._outcomes: dict[Outcome, None] = {}
        self._began, self._begun = time.monotonic(), 0
        self.total: int | None = None
        self.journal: BatchJournal | None = None

    def run(self, lines: Iterator[tuple[int, str | LineError]]) -> list[Outcome]:
        """Run the lines; return the different outcomes."""
        context = self._session.context
        try:
            with self._handler.busy():
                if context.width > 1:
                    _ = context.engine
                    self._lanes = Lanes(context)
                self._run_lines(lines)
        except Interrupted:
            self._outcomes[Outcome.INTERRUPTED] = None
            if context.open_engine is not None:
                context.open_engine.unload()
        finally:
            self._wait()
        return list(self._outcomes)

    def _run_lines(self, lines: Iterator[tuple[int, str | LineError]]) -> None:
        for number, line in lines:
            if self._part.last is not None and number > self._part.last:
                break
            self._run_line(number, line)
            self._begun += self._part.contains(number)
            self._collect(wait=False)
            self._report_progress()
            if self._outcomes.keys() & {Outcome.LEAVE, Outcome.INTERRUPTED} or self._session.context.is_stopped:
                break
        self._wait()

    def _report_progress(self) -> None:
        if self._lanes is not None:
            complete = self._begun - len(self._running)
            seconds = time.monotonic() - self._began
            self._session.context.emit(
                Progress(complete=complete, begun=self._begun, lines=self.total, seconds=seconds)
            )

    def _run_line(self, number: int, line: str | LineError) -> None:
        context = self._session.context
        try:
            if isinstance(line, LineError):
                raise line
            line = adapt_logged_line(context, line)
            parsed = parse(line)
        except LineError as error:
            self._start(number, partial(_failed, error=error.located(str(line)), number=number))
            return
        if isinstance(parsed, Blank):
            return
        if not isinstance(parsed, Generation):
            self._run_alone(number, line, is_setting=isinstance(parsed, CommandLine) and _is_setting(parsed))
            return
        if needs_earlier_results(context, parsed.stages):
            self._wait()
        if not self._part.contains(number):
            self._skip(number, line)
            return
        self._start(number, lambda own: self._session.prepared(line, number, own))
        if writes_named_file(context, parsed.stages):
            self._wait()

    def _run_alone(self, number: int, line: str, *, is_setting: bool) -> None:
        """Run a command once all earlier lines are complete; outside the part only if it changes settings."""
        self._wait()
        if is_setting or (self._part.contains(number) and not self._is_complete(number)):
            outcome = self._session.run(line, number)
            self._outcomes[outcome] = None
            self._record(number, outcome)

    def _is_complete(self, number: int) -> bool:
        """Return whether an earlier run has generated all images of a line."""
        return self.journal is not None and number in self.journal.complete

    def _record(self, number: int, outcome: Outcome) -> None:
        if self.journal is not None and outcome is Outcome.OK:
            self.journal.finish(number)

    def _start(self, number: int, task: Callable[[SessionContext], Callable[[], Outcome]]) -> None:
        """Start a line beside the others, or run it at once."""
        if not self._part.contains(number) or self._is_complete(number):
            return
        context = self._session.context
        context.count_line()

        def prepared(own: SessionContext) -> Callable[[], Outcome]:
            own.emit = _with_line(own.emit, number)
            self._derive_seeds(own, number)
            if self.journal is not None and own.numbering is not None:
                own.numbering = JournalledNumbers(self.journal, number, own.numbering)
            return partial(self._recorded, number, task(own))

        if self._lanes is not None:
            self._running.append(self._lanes.start(prepared))
            return
        own = context.lane(context.emit, None)
        self._outcomes[prepared(own)()] = None
        context.take_over(own)

    def _recorded(self, number: int, work: Callable[[], Outcome]) -> Outcome:
        outcome = work()
        self._record(number, outcome)
        return outcome

    def _derive_seeds(self, own: SessionContext, number: int) -> None:
        base = self._part.base_seed
        if base is None and self.journal is not None:
            base = self.journal.base_seed
        if base is not None:
            own.derive_seeds(base, number)

    def _skip(self, number: int, line: str) -> None:
        """Plan a line outside the part, to count the numbers of its images."""
        context = self._session.context
        if self._part.first_number is None:
            return
        own = context.lane(discard_event, None)
        self._derive_seeds(own, number)
        self._session.prepared(line, number, own)

    def _wait(self) -> None:
        """Wait until all lines that have begun are complete."""
        self._collect(wait=True)
        if self._lanes is not None:
            self._lanes.wait()

    def _collect(self, *, wait: bool) -> None:
        while self._running and (wait or self._running[0].done()):
            self._outcomes[self._running.popleft().result()] = None


class _OneInterruption:
    """Passes on events, but only the first of several errors that say that the user stopped."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_interrupted = False

    def __call__(self, event: Event) -> None:
        """Pass on an event."""
        if isinstance(event, Failed) and isinstance(event.error, Interrupted):
            if self._is_interrupted:
                return
            self._is_interrupted = True
        self._console(event)


def _failed(own: SessionContext, *, error: InvokeError, number: int) -> Callable[[], Outcome]:
    def report() -> Outcome:
        own.emit(Failed(error=error, number=number))
        return Outcome.UNREADABLE

    return report


def _with_line(emit: Callable[[Event], None], number: int) -> Callable[[Event], None]:
    """Return a function that emits events, steps with the number of their line."""
    return lambda event: emit(replace(event, line=number) if isinstance(event, Step) else event)


def _is_setting(line: CommandLine) -> bool:
    with contextlib.suppress(InvokeError):
        command = find_command(line.name)
        return command is not None and command.changes_settings
    return False


def _range_of(text: str) -> tuple[int, int]:
    first, _, last = text.partition("..")
    start, end = int(first), int(last or first)
    if not 1 <= start <= end:
        raise ConfigError(f"--lines {text} is no range of lines", hint="for example --lines 1001..2000, counted from 1")
    return start, end


def _shard_of(text: str, source: str) -> tuple[int, int]:
    """Return the first and the last line of part I of N of a file."""
    index, count = map(int, text.split("/"))
    if not 1 <= index <= count:
        raise ConfigError(f"--shard {text} is no part", hint="for example --shard 1/4 to --shard 4/4")
    if source == "-":
        raise ConfigError("--shard needs a file, whose lines can be counted", hint="use --from_file FILE")
    total = sum(1 for _ in numbered_lines(source))
    return total * (index - 1) // count + 1, total * index // count


def _number(options: Options, name: str) -> int | None:
    return int(float(str(options[name]))) if name in options else None
