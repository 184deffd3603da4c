"""Lines without a prompt: those of a file or a pipe, one after the other."""

from __future__ import annotations

import codecs
import io
import os
import stat
import sys
from collections.abc import Iterator
from typing import BinaryIO

from invoke_cli.console.console import Console
from invoke_cli.context.context import Streams
from invoke_cli.context.options import session_options
from invoke_cli.context.outcome import Outcome, exit_status
from invoke_cli.context.paths import expand_path
from invoke_cli.errors import ConfigError, LineError
from invoke_cli.events import Failed, NullViewer
from invoke_cli.input_files import MAX_LINE, open_lines
from invoke_cli.interruption import InterruptionHandler
from invoke_cli.language.sanitize import without_marks
from invoke_cli.language.switches.launch import Options
from invoke_cli.request import GenerationRequest
from invoke_cli.session import Session

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def from_file(console: Console, options: Options, defaults: GenerationRequest, source: str) -> int:
    """Run the lines of a file and return the exit status.

    A line that fails is reported with its number, and the rest is run. `source` is a path, or `-` for standard input.
    """
    outcomes: list[Outcome] = []
    streams = Streams(viewer=console.viewer or NullViewer(), width=console.width)
    with (
        Session(session_options(options, defaults), emit=console, streams=streams) as session,
        InterruptionHandler(session) as handler,
    ):
        for number, line in numbered_lines(source):
            if isinstance(line, LineError):
                console(Failed(error=line, number=number))
                outcomes.append(Outcome.UNREADABLE)
                continue
            outcomes.append(handler.run(line, number))
            if outcomes[-1] in (Outcome.LEAVE, Outcome.INTERRUPTED):
                break
    return exit_status(outcomes)


def numbered_lines(source: str) -> Iterator[tuple[int, str | LineError]]:
    """Yield the lines of a file as they arrive, counted from 1.

    A line that is not UTF-8 is yielded as an error, and so is a whole file in UTF-16.
    """
    try:
        stream = _standard_lines() if source == "-" else open_lines(expand_path(source))
    except (OSError, ValueError) as error:
        hint = "check the name; - is standard input"
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"--from_file {source}: {reason}", hint=hint) from None
    with stream:
        for number, raw in enumerate(_up_to_present_end(stream), start=1):
            if len(raw) > MAX_LINE:
                hint = "a line may have 1 MB; the rest of the file is not read"
                yield number, LineError("the line is too long", hint=hint)
                return
            if number == 1 and (raw.startswith(_UTF_16) or b"\0" in raw[:2]):
                yield number, LineError("the file is UTF-16 text, not UTF-8", hint="save the file as UTF-8")
                return
            try:
                text = without_marks(raw.decode("utf-8"))
            except UnicodeDecodeError:
                yield number, LineError("the line is not UTF-8 text", hint="save the file as UTF-8")
                continue
            yield number, text.rstrip("\r\n")


def _up_to_present_end(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the raw lines of a stream; of a file those that it has now, since the log of this folder grows."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        yield from _bounded_lines(stream)
        return
    left = status.st_size if stat.S_ISREG(status.st_mode) else None
    for raw in _bounded_lines(stream):
        if left is not None and left <= 0:
            return
        yield raw
        left = None if left is None else left - len(raw)


def _bounded_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the raw lines of a stream; one that exceeds `MAX_LINE` is cut off just beyond it."""
    while raw := stream.readline(MAX_LINE + 1):
        yield raw


def _standard_lines() -> BinaryIO:
    return sys.stdin.buffer if sys.stdin is not None else io.BytesIO()
