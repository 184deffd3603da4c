"""Which lines are answered while another one runs: commands that only report, and lines that cannot run."""

from __future__ import annotations

from invoke_cli.commands.table import find_command
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import InvokeError
from invoke_cli.language.grammar.error_location import locate
from invoke_cli.language.grammar.line import CommandLine, Generation, Line, is_logged, parse
from invoke_cli.models.samplers import find_sampler


def is_immediate(context: SessionContext, line: str) -> bool:
    """Return whether a line is answered at once, since it changes nothing or is an error whatever runs before it."""
    try:
        parsed = parse(line)
        check_names(line, parsed)
        return isinstance(parsed, CommandLine) and _only_reports(context, parsed)
    except InvokeError:
        return not is_logged(line)


def check_names(line: str, parsed: Line) -> None:
    """Raise the error of a line that names a sampler which does not exist."""
    for stage in parsed.stages if isinstance(parsed, Generation) else ():
        try:
            find_sampler(stage.request.scheduler or "ddim")
        except InvokeError as error:
            error.field = error.field or "scheduler"
            raise locate(error, line, stage.spans) from None


def _only_reports(context: SessionContext, parsed: CommandLine) -> bool:
    """Return whether a command only reports: one that is marked so, an image to edit, or an unknown command."""
    if parsed.name.isdigit():
        return True
    command = find_command(parsed.name)
    return parsed.name not in context.aliases.load() if command is None else command.only_reports
