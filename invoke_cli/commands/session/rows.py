"""Rows of the command table: commands on the session."""

from __future__ import annotations

from invoke_cli.commands.command import Argument, Command
from invoke_cli.commands.history import browse
from invoke_cli.commands.session import help, plugin_list, state, workers

SESSION_COMMANDS = (
    Command(
        name="help",
        usage="[topic]",
        argument=Argument.TOPIC,
        run=help.show_help,
        only_reports=True,
        help="show help, by topic",
    ),
    Command(
        name="show",
        usage="",
        run=state.show,
        only_reports=True,
        help="show the values that a line would use, and the source of each",
    ),
    Command(
        name="set",
        usage="[switches | reset]",
        argument=Argument.LINE,
        run=state.set_defaults,
        changes_settings=True,
        help="set defaults for this session",
    ),
    Command(
        name="plugins", usage="", run=plugin_list.list_plugins, only_reports=True, help="list the installed plug-ins"
    ),
    Command(name="mem", usage="", run=state.memory, only_reports=True, help="show the memory in use"),
    Command(
        name="workers",
        usage="[N | auto | off]",
        run=workers.workers,
        changes_settings=True,
        help="generate several images at the same time: N processes on the CPU, or one on each GPU",
    ),
    Command(name="clear", usage="", run=browse.clear, help="clear the history of typed lines"),
)
