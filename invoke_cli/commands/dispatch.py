"""Run a typed command: find its row or alias, or raise a helpful error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from invoke_cli.commands.command import Argument, Call
from invoke_cli.commands.history import browse
from invoke_cli.commands.lines import variants
from invoke_cli.commands.session.help import topic_names
from invoke_cli.commands.table import REMOVED_COMMANDS, all_commands, command_names, find_command
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import InvokeError, LineError
from invoke_cli.language.grammar.line import CommandLine, parse
from invoke_cli.language.grammar.names import nearest


def run_command(context: SessionContext, line: CommandLine) -> Sequence[str]:
    """Run a command and return the lines to run in its place."""
    if line.name.isdigit():
        if line.argument:
            hint = f"!{line.name} alone loads the line of the image into the prompt for editing"
            raise LineError(f"!{line.name} takes no arguments", hint=hint, span=line.argument_span)
        browse.edit_number(context, int(line.name[:9]))
        return ()
    command = find_command(line.name)
    if command is None:
        return _run_alias(context, line)
    call = Call(
        name=line.name,
        argument=line.argument,
        span=line.argument_span,
        declared=command.switches,
        commands=all_commands,
    )
    if command.argument is Argument.NOTHING and not command.usage and call.argument:
        raise LineError(f"!{command.name} takes no arguments", hint=f"type !{command.name} alone", span=call.span)
    try:
        call.check_switches()
        return command.run(context, call) or ()
    except InvokeError as error:
        if error.line in (None, line.argument):  # its span refers to the argument, not to the line
            raise error.moved(line.argument_span.start) from None
        raise


def _expand_alias(line: CommandLine, aliases: Mapping[str, str]) -> str:
    """Expand an alias, or several in a row (`!oil !clean a castle`), to a line."""
    argument = line.argument
    if argument.startswith("!"):
        inner = parse(argument)
        if not isinstance(inner, CommandLine) or inner.name not in aliases:
            hint = "an alias is followed by a line or by another alias"
            raise LineError(f"no such alias: {argument.split()[0]}", hint=hint, span=line.argument_span)
        argument = _expand_alias(inner, aliases)
    return variants.expand(argument, aliases[line.name])


def _run_alias(context: SessionContext, line: CommandLine) -> Sequence[str]:
    """Return the line of an alias, or that of the help topic of this name. Raises LineError if there is neither."""
    aliases = context.aliases.load()
    if line.name in aliases:
        return [_expand_alias(line, aliases)]
    removed = [name for name in REMOVED_COMMANDS if len(line.name) > 1 and name.startswith(line.name)]
    if removed:
        raise LineError(
            f"!{removed[0]} of InvokeAI 2.x was removed", hint=REMOVED_COMMANDS[removed[0]], span=line.name_span
        )
    topics = topic_names()
    if line.name in topics:
        return [f"!help {line.name}"]
    suggestion = nearest(line.name, [*command_names(), *aliases, *topics])
    meant = f"!help {suggestion}" if suggestion in topics and find_command(suggestion) is None else f"!{suggestion}"
    hint = f"did you mean {meant}? " if suggestion else ""
    raise LineError(
        f"unknown command: !{line.name}", hint=hint + "!help commands lists all commands", span=line.name_span
    )
