"""The session: runs lines and returns their outcomes. It handles every error, so that the session continues.

It parses a line and passes it to `generation` or to the command table.
"""

from __future__ import annotations

import contextlib
import copy
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType

from invoke_cli.commands.command import FileLines, RewrittenLine
from invoke_cli.commands.dispatch import run_command
from invoke_cli.commands.image_selection import shown_as_typed
from invoke_cli.commands.immediate import check_names, is_immediate
from invoke_cli.commands.unmarked import unmarked_command
from invoke_cli.context.context import OpenEngine, SessionContext, Streams
from invoke_cli.context.openmp import TOO_LATE, wait_passively
from invoke_cli.context.options import SessionOptions
from invoke_cli.context.outcome import Outcome
from invoke_cli.context.settings import Settings
from invoke_cli.context.worker_settings import worker_settings
from invoke_cli.engine import Engine, EngineSettings, open_engine
from invoke_cli.errors import ExitStatus, InternalError, Interrupted, InvokeError, LineError, out_of_memory
from invoke_cli.events import Done, Emit, Event, Failed, Start
from invoke_cli.generation.line import prepare_runs
from invoke_cli.language.addresses import mask_secrets
from invoke_cli.language.grammar.error_location import locate
from invoke_cli.language.grammar.line import Blank, CommandLine, Generation, Quit, parse
from invoke_cli.output.files import append_line
from invoke_cli.output.line_images import LineImages
from invoke_cli.output.writer import SavedImage
from invoke_cli.replay.logged_lines import adapt_logged_line
from invoke_cli.replay.resume import resume_from_latents
from invoke_cli.server.client_request import ClientRequest
from invoke_cli.server.opener import engine_opener
from invoke_cli.server.process_engine import open_process_engine
from invoke_cli.workers.opener import pool_opener

MAX_NESTING = 8


@contextlib.contextmanager
def _located(line: str, parsed: Generation) -> Iterator[None]:
    """Let errors name their place in the line."""
    try:
        yield
    except InvokeError as error:
        raise locate(error, line, parsed.stages[error.stage].spans) from None


def discard_event(_: Event) -> None:
    """Discard every event."""


class Session:
    """A session, as front ends and libraries use it. Close it, or use it in a `with` statement.

    Args:
        options: The session options, or existing settings.
        emit: Receives the events.
        streams: The standard streams for images, and the viewer.
        opener: Opens the engine on first use, unless the settings ask for workers.

    Raises:
        ConfigError: The settings ask for more workers than there are devices for.
    """

    def __init__(
        self,
        options: SessionOptions | Settings | None = None,
        *,
        emit: Emit = discard_event,
        streams: Streams | None = None,
        opener: OpenEngine | None = None,
    ) -> None:
        settings = options if isinstance(options, Settings) else Settings(options or SessionOptions())
        self.context = SessionContext(settings, emit, streams or Streams(), opener or open_engine)
        if (wanted := worker_settings(settings)).workers:
            workers = pool_opener(self.context, wanted)
            self.context.reopen_engine(workers, workers.count)
        if not wait_passively():
            self.context.notice(TOO_LATE)
        for text in settings.init_remarks:
            self.context.notice(text)

    @classmethod
    def with_shared_engine(cls, settings: Settings, *, emit: Emit, streams: Streams) -> Session:
        """Return a session that uses the engine of a running session, if there is a suitable one."""
        session = cls(settings, emit=emit, streams=streams, opener=lambda engine_settings: opener(engine_settings))
        opener = engine_opener(settings, open_engine, session.context.hooks)
        return session

    @classmethod
    def with_process_engine(cls, settings: Settings, *, emit: Emit, streams: Streams) -> Session:
        """Return a session whose engine runs in a process of its own."""

        def opened(engine_settings: EngineSettings) -> Engine:
            context = session.context
            return open_process_engine(engine_settings, context.background_hooks(), context.hooks)

        session = cls(settings, emit=emit, streams=streams, opener=opened)
        return session

    # -- for libraries ----------------------------------------------------------------------------------------------

    def draw(self, line: str) -> list[SavedImage]:
        """Generate the images of a line.

        Returns:
            The saved images.

        Raises:
            InvokeError: The line failed.
        """
        self.context.begin()
        parsed = parse(line)
        if not isinstance(parsed, Generation):
            raise LineError("this line does not generate images", hint="use a prompt; run() runs commands")
        return self._prepare(line, parsed)()

    def run(self, line: str, number: int | None = None) -> Outcome:
        """Run any line, as front ends do. Errors become events.

        Args:
            line: The line.
            number: Its number in a batch, from 1; None for a single line.
        """
        self.context.begin()
        return self._run_guarded(line, number, lambda: self._run_line(line, number, 0))

    def prepared(self, line: str, number: int, context: SessionContext) -> Callable[[], Outcome]:
        """Prepare a line that generates images; what is returned runs it, beside others if it has a context of its own.

        Args:
            line: The line.
            number: Its number in a batch, from 1.
            context: The context of the line.
        """
        other = copy.copy(self)
        other.context = context
        works: list[Callable[[], Outcome]] = []

        def prepare() -> Outcome:
            parsed = parse(line)
            assert isinstance(parsed, Generation)
            context.emit(Start(line=mask_secrets(line), number=number))
            works.append(other._prepared_generation(line, parsed))
            return Outcome.OK

        outcome = other._run_guarded(line, number, prepare)
        return lambda: other._run_guarded(line, number, works[0]) if works else outcome

    def stop(self) -> None:
        """Stop the running line after the current step. May be called from any thread."""
        self.context.stop()

    def is_immediate(self, line: str) -> bool:
        """Return whether a line changes nothing, or is an error, so that `answer` may run it beside another one."""
        return is_immediate(self.context, line)

    def answer(self, line: str) -> Outcome:
        """Run a line for which `is_immediate` is true while another one runs, on another thread."""
        other = copy.copy(self)
        other.context = self.context.beside()

        def work() -> Outcome:
            check_names(line, parse(line))
            return other._run_line(line, None, 0)

        return other._run_guarded(line, None, work)

    def load_in_background(self, then: Callable[[], None] = lambda: None) -> None:
        """Import the engine and load the current model in the background. A line that needs the engine waits for it.

        Args:
            then: Called in the same thread afterwards.
        """

        def load() -> None:
            self.attempt(self._load)
            then()

        self.context.open_in_background(load)

    def _load(self) -> None:
        with contextlib.suppress(Interrupted):  # the session is being closed
            self.context.engine.load(self.context.settings.model(), self.context.background_hooks())

    def serve_client(self, request: ClientRequest, others_wait: Callable[[], bool] = lambda: False) -> None:
        """Let a line of another process use the engine; return when it is complete.

        Args:
            request: The client.
            others_wait: Returns whether a line or another client waits for its turn.
        """
        self.context.begin()
        self.attempt(lambda: request.serve(lambda: self.context.engine, self.context.notice, others_wait))

    def attempt(self, work: Callable[[], object]) -> None:
        """Run other work of a front end; errors become events."""

        def run_work() -> Outcome:
            work()
            return Outcome.OK

        self._run_guarded("", None, run_work)

    def close(self) -> None:
        """Finish writing and unload the engine."""
        self.context.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- one line ---------------------------------------------------------------------------------------------------

    def _run_guarded(self, line: str, number: int | None, work: Callable[[], Outcome]) -> Outcome:
        """Run `work` and convert every error to an event and an outcome."""
        try:
            return work()
        except InvokeError as error:
            return self._report_error(error.located(line), number)
        except BrokenPipeError:
            raise  # the reader is gone: end the program
        except MemoryError:
            return self._report_error(out_of_memory().located(line), number)
        except Exception as error:  # noqa: BLE001  # the error boundary of the session
            return self._report_error(self._log_internal_error(error, line).located(line), number)
        finally:
            self.context.report_plugin_failures()

    def _run_line(self, line: str, number: int | None, depth: int) -> Outcome:
        line = adapt_logged_line(self.context, line)
        parsed = parse(line)
        if isinstance(parsed, Blank):
            return Outcome.OK
        if isinstance(parsed, Quit):
            return Outcome.LEAVE
        self.context.emit(Start(line=mask_secrets(line), number=number))
        if isinstance(parsed, CommandLine):
            return self._run_command(line, parsed, number, depth)
        return self._prepared_generation(line, parsed)()

    def _prepared_generation(self, line: str, parsed: Generation) -> Callable[[], Outcome]:
        """Prepare a line that generates images; what is returned generates them."""
        started = time.perf_counter()
        generation = self._prepare(line, parsed)

        def run() -> Outcome:
            images = generation()
            engine = self.context.open_engine
            peak, seconds = engine.memory().peak if engine else None, time.perf_counter() - started
            self.context.emit(Done(images=len(images), seconds=seconds, ok=True, peak_memory=peak))
            return Outcome.OK

        return run

    def _prepare(self, line: str, parsed: Generation) -> Callable[[], list[SavedImage]]:
        """Prepare the runs of a line; errors name their place in the line."""
        if (unmarked := unmarked_command(line)) is not None:
            self.context.notice(unmarked.notice)
        for text in parsed.notices:
            self.context.notice(text)
        with _located(line, parsed):
            runs = prepare_runs(self.context, parsed.stages, resume_from_latents)

        def generate() -> list[SavedImage]:
            with _located(line, parsed):
                return runs.run()

        return generate

    def _run_command(self, line: str, parsed: CommandLine, number: int | None, depth: int) -> Outcome:
        """Run a command, then the lines that it returns."""
        lines = run_command(self.context, parsed)
        if depth >= MAX_NESTING and lines:
            raise LineError("these lines replay each other endlessly", hint="remove the !replay from the file")
        if isinstance(lines, RewrittenLine):
            with shown_as_typed(line, parsed):
                return self._run_line(lines[0], number, depth + 1)
        return self._run_lines(lines, number, depth)

    def _run_lines(self, lines: Sequence[str], number: int | None, depth: int) -> Outcome:
        worst = Outcome.OK
        for index, line in enumerate(lines, start=1):
            own = index if isinstance(lines, FileLines) else number
            if isinstance(lines, FileLines):
                self.context.line_images = LineImages()
            outcome = self._run_guarded(line, own, lambda line=line, own=own: self._run_line(line, own, depth + 1))  # type: ignore[misc]
            if outcome in (Outcome.INTERRUPTED, Outcome.LEAVE):
                return outcome
            if outcome is not Outcome.OK:
                worst = Outcome.FAILED
        return worst

    def _report_error(self, error: InvokeError, number: int | None) -> Outcome:
        error.message, error.hint = mask_secrets(error.message), mask_secrets(error.hint)
        error.args = (error.message,)
        error.line = None if error.line is None else mask_secrets(error.line)
        self.context.emit(Failed(error=error, number=number))
        if isinstance(error, Interrupted):
            return Outcome.INTERRUPTED
        return Outcome.UNREADABLE if error.exit_status is ExitStatus.USAGE else Outcome.FAILED

    def _log_internal_error(self, error: Exception, line: str) -> InternalError:
        """Log the traceback of an unexpected error, and return an error with one sentence."""
        try:
            log = self.context.folder().state_folder / "errors.log"
            logged_line = "(a private line)" if self.context.settings.is_private(line) else line
            text = f"{logged_line}\n{''.join(traceback.format_exception(error))}\n"
            append_line(log, mask_secrets(text))
        except InvokeError:
            return InternalError(f"internal error: {type(error).__name__}: {error}", hint="please report this")
        hint = f"details are in {log}; please report this. The session continues"
        return InternalError(f"internal error: {type(error).__name__}: {str(error)[:200]}", hint=hint)
