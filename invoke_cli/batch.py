"""Two doors without a prompt: the lines of a file or a pipe, and one line given as words."""

from __future__ import annotations

import codecs
import contextlib
import io
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from types import FrameType
from typing import Any, BinaryIO

from invoke_cli.console.console import Console
from invoke_cli.console.standard_streams import stdout_errors
from invoke_cli.context.context import Streams
from invoke_cli.context.options import session_options
from invoke_cli.context.outcome import Outcome
from invoke_cli.context.paths import expanded, names_a_file
from invoke_cli.errors import ConfigError, ExitStatus, Interrupted, LineError
from invoke_cli.events import Failed, NullViewer
from invoke_cli.language.grammar.line import CommandLine, Generation, parse
from invoke_cli.language.switches.launch import Options
from invoke_cli.request import GenerationRequest
from invoke_cli.session import Session

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def one_shot(console: Console, options: Options, defaults: GenerationRequest, lines: Sequence[str]) -> int:
    """Do the one line of a command line (a glob of init images makes several)."""
    if len(lines) > 1 and any(names_a_file(name) for name in _outdirs(lines)):
        hint = "name a folder with -o; --fnformat {source}.png names each file after its source"
        raise ConfigError("one file name for several pictures", hint=hint)
    if options.get("json") and "-" in _outdirs(lines):
        raise ConfigError("--json and -o - both want standard output", hint="give -o a file's name")
    write = None if options.get("json") else _write_image
    streams = Streams(read=_standard_input, write=write, viewer=console.seer or NullViewer())
    said = session_options(options, defaults)
    alone = defaults.no_session or _works_alone(lines)
    session = (Session if alone else Session.as_guest)(said, emit=console, streams=streams)
    with session, _Signals(session) as signals:
        outcomes = [signals.run(session, line, None) for line in lines]
    if len(set(outcomes)) == 1:
        return outcomes[0].exit_status
    return _status(outcomes)


def from_file(console: Console, options: Options, defaults: GenerationRequest, source: str) -> int:
    """Do the lines of a file, of standard input for `-`; one that fails is told with its number, the rest goes on."""
    outcomes: list[Outcome] = []
    streams = Streams(viewer=console.seer or NullViewer())
    with (
        Session(session_options(options, defaults), emit=console, streams=streams) as session,
        _Signals(session) as signals,
    ):
        for number, line in numbered_lines(source):
            if isinstance(line, LineError):
                console(Failed(error=line, number=number))
                outcomes.append(Outcome.UNREADABLE)
                continue
            outcomes.append(signals.run(session, line, number))
            if outcomes[-1] in (Outcome.LEAVE, Outcome.INTERRUPTED):
                break
    return _status(outcomes)


def numbered_lines(source: str) -> Iterator[tuple[int, str | LineError]]:
    """The lines of a file as they arrive, counted from 1; a line that is no UTF-8 comes as its error, a file in UTF-16
    as one.
    """
    try:
        stream = _standard_lines() if source == "-" else expanded(source).open("rb")
    except OSError as error:
        hint = "check the name; - is standard input"
        raise ConfigError(f"--from_file {source}: {error.strerror or error}", hint=hint) from None
    with stream:
        for number, raw in enumerate(stream, start=1):
            if number == 1 and (raw.startswith(_UTF_16) or b"\0" in raw[:2]):
                yield number, LineError("the lines are UTF-16 text, not UTF-8", hint="save the file as UTF-8")
                return
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                yield number, LineError("the line is not UTF-8 text", hint="save the file as UTF-8")
                continue
            yield number, text.rstrip("\r\n")


def _status(outcomes: Sequence[Outcome]) -> ExitStatus:
    if Outcome.INTERRUPTED in outcomes:
        return ExitStatus.INTERRUPTED
    failed = any(outcome in (Outcome.FAILED, Outcome.UNREADABLE) for outcome in outcomes)
    return ExitStatus.FAILED if failed else ExitStatus.OK


def _standard_lines() -> BinaryIO:
    return sys.stdin.buffer if sys.stdin is not None else io.BytesIO()


def _outdirs(lines: Sequence[str]) -> Iterator[str]:
    """What the lines say after -o; a line that cannot be read is told of when it is done."""
    return (request.outdir for request in _requests(lines) if request.outdir is not None)


def _requests(lines: Iterable[str]) -> Iterator[GenerationRequest]:
    for line in lines:
        with contextlib.suppress(LineError):
            parsed = parse(line)
            yield from (stage.request for stage in parsed.stages) if isinstance(parsed, Generation) else ()


def _works_alone(lines: Sequence[str]) -> bool:
    """Whether the lines, or those behind a command, want nothing of a session that is open."""
    return any(request.no_session for request in (*_requests(lines), *_requests(_behind_commands(lines))))


def _behind_commands(lines: Sequence[str]) -> Iterator[str]:
    """What is said behind the commands, which some of them draw."""
    for line in lines:
        with contextlib.suppress(LineError):
            parsed = parse(line)
            if isinstance(parsed, CommandLine):
                yield parsed.argument


def _standard_input() -> bytes:
    return sys.stdin.buffer.read() if sys.stdin is not None else b""


def _write_image(data: bytes) -> None:
    with stdout_errors():
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


class _Signals:
    """Ctrl-C and SIGTERM: the running image ends after its step; a second one, or one while idle, ends at once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._busy = False
        self._asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> _Signals:
        for name in (signal.SIGINT, signal.SIGTERM):
            self._before[name] = signal.signal(name, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for name, handler in self._before.items():
            signal.signal(name, handler)

    def run(self, session: Session, line: str, number: int | None) -> Outcome:
        """Do a line; Ctrl-C before it was heard counts for it."""
        if self._asked:
            return Outcome.INTERRUPTED
        self._busy = True
        try:
            return session.run(line, number)
        finally:
            self._busy = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked or not self._busy:
            raise Interrupted("stopped")
        self._asked = True
        self._session.stop()
