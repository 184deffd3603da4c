"""Doing a command: finding its row, its alias, or the right thing to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from invoke_cli.commands.command import Argument, Call
from invoke_cli.commands.history import browse
from invoke_cli.commands.lines import variants
from invoke_cli.commands.table import GONE, all_commands, command_names, find_command
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import InvokeError, LineError
from invoke_cli.language.grammar.line import CommandLine, parse
from invoke_cli.language.grammar.names import nearest


def run_command(context: SessionContext, line: CommandLine) -> Sequence[str]:
    """Do a command; returns the lines that are to be done in its place."""
    call = Call(name=line.name, argument=line.argument, span=line.argument_span, commands=all_commands)
    if line.name.isdigit():
        if call.argument:
            hint = f"!{line.name} alone brings the line to the prompt, where it can be edited"
            raise LineError("a number takes nothing after it", hint=hint, span=call.span)
        browse.edit_number(context, int(line.name[:9]))
        return ()
    command = find_command(line.name)
    if command is None:
        return _other(context, line)
    if command.argument is Argument.NOTHING and not command.usage and call.argument:
        raise LineError(f"!{command.name} takes nothing", hint=f"write !{command.name} alone", span=call.span)
    try:
        return command.run(context, call) or ()
    except InvokeError as error:
        if error.line in (None, line.argument):  # its place counts in the argument, not in the line
            raise error.moved(line.argument_span.start) from None
        raise


def _aliased(line: CommandLine, aliases: Mapping[str, str]) -> str:
    """The line of an alias, of several that stand one behind the other: `!oil !clean a castle`."""
    argument = line.argument
    if argument.startswith("!"):
        inner = parse(argument)
        if not isinstance(inner, CommandLine) or inner.name not in aliases:
            hint = "behind an alias stands a line, or another alias"
            raise LineError(f"{argument.split()[0]} is no alias", hint=hint, span=line.argument_span)
        argument = _aliased(inner, aliases)
    return variants.expand(argument, aliases[line.name])


def _other(context: SessionContext, line: CommandLine) -> Sequence[str]:
    """An alias's line, or the error for a command that does not exist."""
    aliases = context.aliases.load()
    if line.name in aliases:
        return [_aliased(line, aliases)]
    if line.name in GONE:
        raise LineError(f"!{line.name} of InvokeAI 2.x has gone", hint=GONE[line.name], span=line.name_span)
    near = nearest(line.name, [*command_names(), *aliases])
    hint = f"did you mean !{near}? " if near else ""
    raise LineError(f"there is no command !{line.name}", hint=hint + "!help lists them", span=line.name_span)
