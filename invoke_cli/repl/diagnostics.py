"""What is to be said of a line while it is typed: from the text, and from what `missing` knows of things and files."""

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

# The error for what a stage names and is not there.
ReferenceCheck = Callable[[GenerationRequest], InvokeError | None]

_CLOSING = ('"', "}", ")")


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnostic:
    """Why a line cannot be done, in one sentence, and where. An `open` one may come right by typing on."""

    text: str
    span: Span
    open: bool = False


def no_missing_references(_: GenerationRequest) -> None:
    """Knows of nothing that is not there."""


def diagnostic(
    text: str, commands: Collection[str] = (), missing: ReferenceCheck = no_missing_references
) -> Diagnostic | None:
    """The first thing that is wrong with a line. With `commands` their names are checked too."""
    error = _error(text, commands, missing)
    if error is None:
        return None
    span = error.span or Span(0, len(text))
    still_open = span.end >= len(text.rstrip()) or (
        isinstance(error, LineError) and any(_error(text + sign, commands) is None for sign in _CLOSING)
    )
    return Diagnostic(text="; ".join(filter(None, (error.message, error.hint))), span=span, open=still_open)


def _error(text: str, commands: Collection[str], missing: ReferenceCheck = no_missing_references) -> InvokeError | None:
    try:
        parsed = parse(text)
        if isinstance(parsed, CommandLine) and commands:
            _check_command(parsed, commands)
        elif isinstance(parsed, Generation):
            for stage in parsed.stages:
                _check_prompt(text, stage)
                if (error := missing(stage.request)) is not None:
                    return locate(error, text, stage.spans)
    except LineError as error:
        return error
    return None


def _check_command(line: CommandLine, commands: Collection[str]) -> None:
    if line.name.isdigit() or any(name.startswith(line.name) for name in commands):
        return
    near = nearest(line.name, commands)
    hint = f"did you mean !{near}?" if near else "!help lists them"
    raise LineError(f"there is no command !{line.name}", hint=hint, span=line.name_span)


def _check_prompt(text: str, stage: Stage) -> None:
    """Raise a LineError, with its place in the line, for a prompt that the prompt language rejects."""
    source = stage.request.prompt or ""
    try:
        if not has_alternatives(source):
            parse_prompt_sources(source, stage.request.negative_prompt)
    except PromptError as error:
        raise locate(error, text, stage.spans) from None
