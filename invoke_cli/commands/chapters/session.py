"""Commands on the session: help, defaults, memory."""

from __future__ import annotations

from invoke_cli.commands import books, helping, shop
from invoke_cli.commands.command import Argument, Command

ROWS = (
    Command(name="help", usage="[topic]", argument=Argument.TOPIC, run=helping.show_help, help="help, by topic"),
    Command(name="show", usage="", run=shop.show, help="the values a line would use, and where each comes from"),
    Command(
        name="set",
        usage="[switches | reset]",
        argument=Argument.LINE,
        run=shop.set_defaults,
        help="defaults for this session",
    ),
    Command(name="mem", usage="", run=shop.memory, help="memory now"),
    Command(name="clear", usage="", run=books.clear, help="forget the lines that were typed"),
)
