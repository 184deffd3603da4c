"""Run lines of the logs of InvokeAI 1 and 2: what is not supported is reported and left out."""

from __future__ import annotations

from invoke_cli.context.context import SessionContext
from invoke_cli.errors import LineError
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.line import Generation, content_start, is_logged, parse
from invoke_cli.language.grammar.noted_model import noted_model, with_noted_model
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.metadata.formats.dream import KEYWORD
from invoke_cli.metadata.formats.invokeai2 import read_dream_and_json
from invoke_cli.models.samplers import is_sampler
from invoke_cli.replay.meanings_of_2x import as_2x_meant, as_recorded_here, paints_black_by_default, remarks


def adapt_logged_line(context: SessionContext, line: str) -> str:
    """Return a line as it can run here: one of a log that does not parse without what is not supported.

    The model that a comment notes, as InvokeAI 2.3 wrote it, is used if it is known here and the line names no other.
    """
    adapted = line if not is_logged(line) or _runs(context, line) else _carried_over(context, line)
    if is_logged(line):  # our own logs always name the model
        adapted = _as_recorded(context, adapted) if _names_model(adapted) else _as_2x_meant(context, adapted)
    name = noted_model(line)
    if name and name in context.settings.registry.models and not _names_model(adapted):
        return with_noted_model(adapted)
    if name and is_logged(line):
        context.notice(f"the line notes the model {sanitize_for_terminal(name)}, which is unknown here")
    return adapted


def _carried_over(context: SessionContext, line: str) -> str:
    """Return what can run of a line that does not parse; the rest is reported."""
    found = read_dream_and_json({KEYWORD: line[content_start(line) :]})
    for text in found.missing:
        context.notice(f"not carried over: {sanitize_for_terminal(text)}")
    return format_line(found.stages)


def _as_2x_meant(context: SessionContext, line: str) -> str:
    """Return a line of InvokeAI 1 or 2 with its masks as they were meant, after notices on what differs."""
    parsed = parse(line)
    requests = [stage.request for stage in parsed.stages] if isinstance(parsed, Generation) else []
    for text in (text for request in requests for text in remarks(request)):
        context.notice(sanitize_for_terminal(text))
    meant = [as_2x_meant(request) for request in requests]
    return line if meant == requests else format_line(meant)


def _as_recorded(context: SessionContext, line: str) -> str:
    """Return a line of our own log, which paints the white areas of a mask also where a session's default differs."""
    if not paints_black_by_default(context) or not _runs(context, line):
        return line
    parsed = parse(line)
    if not isinstance(parsed, Generation):
        return line
    requests = [stage.request for stage in parsed.stages]
    meant = [as_recorded_here(request) for request in requests]
    return line if meant == requests else format_line(meant)


def _names_model(line: str) -> bool:
    """Return whether a line names a model, or does not parse."""
    try:
        parsed = parse(line)
    except LineError:
        return True
    return not isinstance(parsed, Generation) or any(stage.request.model for stage in parsed.stages)


def _runs(context: SessionContext, line: str) -> bool:
    """Return whether a line parses and names no sampler as its model, as version 1 did."""
    try:
        parsed = parse(line)
    except LineError:
        return False
    if not isinstance(parsed, Generation):
        return True
    models = [stage.request.model for stage in parsed.stages]
    return not any(name and name not in context.settings.registry.models and is_sampler(name) for name in models)
