"""The session: a line in, an outcome out. The one place where any error ends and the session goes on.

Knows what a line can be and hands it on; draws through `drawing`, commands through their table.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from types import TracebackType

from invoke_cli.commands.dispatch import run_command
from invoke_cli.context.context import OpenEngine, SessionContext, Streams
from invoke_cli.context.options import SessionOptions
from invoke_cli.context.outcome import Outcome
from invoke_cli.context.settings import Settings
from invoke_cli.engine import Hooks, open_engine
from invoke_cli.errors import ExitStatus, InternalError, Interrupted, InvokeError, LineError
from invoke_cli.events import Done, Emit, Event, Failed, Start
from invoke_cli.generation.line import generate
from invoke_cli.language.grammar.error_location import locate
from invoke_cli.language.grammar.line import Blank, CommandLine, Generation, Quit, parse
from invoke_cli.output.files import append_line
from invoke_cli.output.writer import SavedImage
from invoke_cli.replay.resume import resume_from_latents
from invoke_cli.server.opener import engine_opener
from invoke_cli.server.server import ClientRequest

MAX_NESTING = 8


def silent(_: Event) -> None:
    """An ear that hears nothing."""


class Session:
    """Everything that lines share. The doors and libraries use the same one; close it, or use it in a `with`."""

    def __init__(
        self,
        options: SessionOptions | Settings | None = None,
        *,
        emit: Emit = silent,
        streams: Streams | None = None,
        opener: OpenEngine | None = None,
    ) -> None:
        settings = options if isinstance(options, Settings) else Settings(options or SessionOptions())
        self.context = SessionContext(settings, emit, streams or Streams(), opener or open_engine)

    @classmethod
    def as_guest(cls, options: SessionOptions, *, emit: Emit, streams: Streams) -> Session:
        """A session that works with the engine of one that is open already, where there is one that suits."""
        settings = Settings(options)
        session = cls(settings, emit=emit, streams=streams, opener=lambda asked: opener(asked))
        opener = engine_opener(settings, open_engine, session.context.hooks)
        return session

    # -- for libraries ----------------------------------------------------------------------------------------------

    def draw(self, line: str) -> list[SavedImage]:
        """Draw a line and return its images; raises InvokeError when it fails."""
        self.context.begin()
        parsed = parse(line)
        if not isinstance(parsed, Generation):
            raise LineError("this line draws nothing", hint="write a prompt; run() does commands")
        return self._draw(line, parsed)

    def run(self, line: str, number: int | None = None) -> Outcome:
        """Do any line, as a door does: whatever fails is told as an event. `number` is its place in a batch."""
        self.context.begin()
        return self._guarded(line, number, lambda: self._do(line, number, 0))

    def stop(self) -> None:
        """Ask the running line to end after its step; may be called from any thread."""
        self.context.stop()

    def warm_up(self, then: Callable[[], None] = lambda: None) -> None:
        """Import the engine and load the current model on a thread of its own, which then does `then`: a line that
        needs the engine waits for it, others do not.
        """

        def load() -> None:
            hooks = Hooks(emit=self.context.emit)
            self.attempt(lambda: self.context.engine.load(self.context.settings.model(), hooks))
            then()

        self.context.open_beside(load)

    def serve_client(self, visit: ClientRequest) -> None:
        """Let another process's line have the engine; returns when it is done."""
        self.context.begin()
        self.attempt(lambda: visit.serve(lambda: self.context.engine, self.context.notice))

    def attempt(self, work: Callable[[], object]) -> None:
        """Do what a door wants beside the lines; an error of any kind is told, and ends here."""

        def done() -> Outcome:
            work()
            return Outcome.OK

        self._guarded("", None, done)

    def close(self) -> None:
        """Finish writing and give the memory back."""
        self.context.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- one line ---------------------------------------------------------------------------------------------------

    def _guarded(self, line: str, number: int | None, work: Callable[[], Outcome]) -> Outcome:
        """Do what a line asks for; an error of any kind ends here."""
        try:
            return work()
        except InvokeError as error:
            return self._failed(error.located(line), number)
        except BrokenPipeError:
            raise  # nobody listens any more: the program ends
        except Exception as error:  # noqa: BLE001  # the boundary that keeps the session alive
            return self._failed(self._internal(error, line).located(line), number)
        finally:
            self.context.report_plugin_failures()

    def _do(self, line: str, number: int | None, depth: int) -> Outcome:
        parsed = parse(line)
        if isinstance(parsed, Blank):
            return Outcome.OK
        if isinstance(parsed, Quit):
            return Outcome.LEAVE
        self.context.emit(Start(line=line, number=number))
        if isinstance(parsed, CommandLine):
            return self._command(parsed, number, depth)
        started = time.perf_counter()
        images = self._draw(line, parsed)
        engine = self.context.open_engine
        peak = engine.memory().peak if engine else None
        self.context.emit(Done(images=len(images), seconds=time.perf_counter() - started, ok=True, peak_memory=peak))
        return Outcome.OK

    def _draw(self, line: str, parsed: Generation) -> list[SavedImage]:
        for text in parsed.notices:
            self.context.notice(text)
        try:
            return generate(self.context, parsed.stages, resume_from_latents)
        except InvokeError as error:
            raise locate(error, line, parsed.stages[error.stage].spans) from None

    def _command(self, parsed: CommandLine, number: int | None, depth: int) -> Outcome:
        """Run a command; the lines that it gives back are done in its place."""
        lines = run_command(self.context, parsed)
        if depth >= MAX_NESTING and lines:
            raise LineError("lines that replay each other without end", hint="take the !replay out of the file")
        return self._several(lines, number, depth)

    def _several(self, lines: Sequence[str], number: int | None, depth: int) -> Outcome:
        worst = Outcome.OK
        for line in lines:
            outcome = self._guarded(line, number, lambda line=line: self._do(line, number, depth + 1))  # type: ignore[misc]
            if outcome in (Outcome.INTERRUPTED, Outcome.LEAVE):
                return outcome
            if outcome is not Outcome.OK:
                worst = Outcome.FAILED
        return worst

    def _failed(self, error: InvokeError, number: int | None) -> Outcome:
        self.context.emit(Failed(error=error, number=number))
        if isinstance(error, Interrupted):
            return Outcome.INTERRUPTED
        return Outcome.UNREADABLE if error.exit_status is ExitStatus.USAGE else Outcome.FAILED

    def _internal(self, error: Exception, line: str) -> InternalError:
        """A fault of the program's own: the traceback goes into a log, the user hears one sentence."""
        try:
            log = self.context.folder().books / "errors.log"
            said = "(a private line)" if self.context.settings.is_private(line) else line
            append_line(log, f"{said}\n{''.join(traceback.format_exception(error))}\n")
        except InvokeError:
            return InternalError(f"an error in the program: {type(error).__name__}: {error}", hint="please report it")
        hint = f"the details are in {log}; the session goes on"
        return InternalError(f"an error in the program: {type(error).__name__}: {str(error)[:200]}", hint=hint)
