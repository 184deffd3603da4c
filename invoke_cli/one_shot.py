"""One line given as the words of a shell command."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence

from invoke_cli.console.console import Console
from invoke_cli.console.standard_streams import stdout_errors
from invoke_cli.context.context import Streams
from invoke_cli.context.options import session_options
from invoke_cli.context.outcome import exit_status
from invoke_cli.context.paths import names_a_file
from invoke_cli.context.settings import Settings
from invoke_cli.errors import ConfigError, LineError
from invoke_cli.events import NullViewer
from invoke_cli.interruption import InterruptionHandler
from invoke_cli.language.grammar.invocation import Invocation
from invoke_cli.language.grammar.line import CommandLine, Generation, parse
from invoke_cli.language.switches.launch import Options
from invoke_cli.output.names import named_by_source
from invoke_cli.planning.make_plan import PROGRAM
from invoke_cli.request import GenerationRequest
from invoke_cli.session import Session


def one_shot(console: Console, options: Options, invocation: Invocation) -> int:
    """Run the line of a shell command (several lines for a glob of init images); returns the exit status."""
    lines, defaults = invocation.lines, invocation.defaults
    if len(lines) > 1 and any(names_a_file(name) for name in _outdirs(lines)):
        hint = "name a folder with -o; --fnformat {source}.png names each file after its source"
        raise ConfigError("-o names one file, and there are several images", hint=hint)
    if options.get("json") and "-" in _outdirs(lines):
        raise ConfigError("--json and -o - both use standard output", hint="give -o a file name")
    write = None if options.get("json") else _write_image
    streams = Streams(read=_standard_input, write=write, viewer=console.viewer or NullViewer(), width=console.width)
    settings = Settings(session_options(options, defaults))
    opened = _opener(lines, alone=bool(defaults.no_session))
    session = opened(settings, emit=console, streams=streams)
    with session, InterruptionHandler(session) as handler:
        outcomes = [handler.run(line, None) for line in _named_by_source(session, lines)]
    if len(set(outcomes)) == 1:
        return outcomes[0].exit_status
    return exit_status(outcomes)


def _opener(lines: Sequence[str], *, alone: bool) -> Callable[..., Session]:
    """Return what opens the session: with an engine of its own, or with that of a running session."""
    return Session if alone or _has_no_session(lines) else Session.with_shared_engine


def _named_by_source(session: Session, lines: Sequence[str]) -> Sequence[str]:
    """Return the lines for a glob of init images, whose results have the names of their sources by default."""
    if len(lines) < 2:
        return lines
    request, sources = session.context.settings.defaults()
    chosen = sources.get("name_format") != PROGRAM or request.private
    if chosen or any(each.name_format or each.private for each in _requests(lines)):
        return lines
    return [f"{line} --fnformat {named_by_source(request.name_format or '')}" for line in lines]


def _outdirs(lines: Sequence[str]) -> Iterator[str]:
    """Yield the values of `-o`; a line that does not parse is reported when it is run."""
    return (request.outdir for request in _requests(lines) if request.outdir is not None)


def _requests(lines: Iterable[str]) -> Iterator[GenerationRequest]:
    for line in lines:
        with contextlib.suppress(LineError):
            parsed = parse(line)
            yield from (stage.request for stage in parsed.stages) if isinstance(parsed, Generation) else ()


def _has_no_session(lines: Sequence[str]) -> bool:
    """Return whether a line, or the argument of a command, has `--no_session`."""
    return any(request.no_session for request in (*_requests(lines), *_requests(_command_arguments(lines))))


def _command_arguments(lines: Sequence[str]) -> Iterator[str]:
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
