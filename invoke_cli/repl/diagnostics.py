"""Diagnose a line while it is typed: errors in its text, and missing samplers and files."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from invoke_cli.errors import InvokeError, LineError, PromptError, Span
from invoke_cli.language.grammar.error_location import locate
from invoke_cli.language.grammar.line import CommandLine, Generation, Stage, parse
from invoke_cli.language.grammar.names import nearest
from invoke_cli.language.prompt.alternatives import has_alternatives
from invoke_cli.language.prompt.prompt import parse_prompt_sources
from invoke_cli.request import GenerationRequest

# Returns the error for what a stage names or lacks; the second argument says whether it is the first stage.
ReferenceCheck = Callable[[GenerationRequest, bool], InvokeError | None]

_CLOSING = ('"', "}", ")")


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnostic:
    """A problem of a line.

    Attributes:
        text: The message.
        span: Its place in the line.
        open: Whether typing on may solve it.
    """

    text: str
    span: Span
    open: bool = False


def no_missing_references(_: GenerationRequest, __: bool) -> None:
    """Report no missing reference."""


def diagnostic(
    text: str, commands: Collection[str] = (), check_references: ReferenceCheck = no_missing_references
) -> Diagnostic | None:
    """Return the first problem of a line.

    Args:
        text: The line.
        commands: The known commands; if empty, command names are not checked.
        check_references: Returns the error for a missing sampler or file.
    """
    error = _error(text, commands, check_references)
    if error is None:
        return None
    span = error.span or Span(0, len(text))
    is_open = span.end >= len(text.rstrip()) or (
        isinstance(error, LineError) and any(_error(text + bracket, commands) is None for bracket in _CLOSING)
    )
    return Diagnostic(text="; ".join(filter(None, (error.message, error.hint))), span=span, open=is_open)


def _error(
    text: str, commands: Collection[str], check_references: ReferenceCheck = no_missing_references
) -> InvokeError | None:
    try:
        parsed = parse(text)
        if isinstance(parsed, CommandLine) and commands:
            _check_command(parsed, commands)
        elif isinstance(parsed, Generation):
            for index, stage in enumerate(parsed.stages):
                _check_prompt(text, stage)
                if (error := check_references(stage.request, index == 0)) is not None:
                    return locate(error, text, stage.spans)
    except LineError as error:
        return error
    return None


def _check_command(line: CommandLine, commands: Collection[str]) -> None:
    if line.name.isdigit() or any(name.startswith(line.name) for name in commands):
        return
    suggestion = nearest(line.name, commands)
    hint = f"did you mean !{suggestion}?" if suggestion else "!help lists the commands"
    raise LineError(f"no such command: !{line.name}", hint=hint, span=line.name_span)


def _check_prompt(text: str, stage: Stage) -> None:
    """Raise LineError, with its place in the line, for a prompt that cannot be parsed."""
    source = stage.request.prompt or ""
    syntax = stage.request.prompt_syntax
    try:
        if syntax or not has_alternatives(source):
            parse_prompt_sources(source, stage.request.negative_prompt, syntax)
    except PromptError as error:
        raise locate(error, text, stage.spans) from None
