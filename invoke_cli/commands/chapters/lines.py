"""Commands on lines: again, planned, checked, under names of one's own."""

from __future__ import annotations

from invoke_cli.commands import lines, shop
from invoke_cli.commands.command import Argument, Command

ROWS = (
    Command(
        name="again",
        usage="[switches]",
        argument=Argument.LINE,
        run=lines.again,
        help="the last line once more, same seed; -f+.1 adds to its strength",
    ),
    Command(
        name="plan",
        usage="line",
        argument=Argument.LINE,
        run=lines.plan,
        help="what a line would do; loads nothing",
    ),
    Command(name="dream", usage="line", argument=Argument.LINE, run=lines.dream, help="draw a line"),
    Command(
        name="check",
        usage="[line]",
        argument=Argument.LINE,
        run=shop.check,
        help="whether a line could be drawn: weights, image, prompt, memory",
    ),
    Command(
        name="alias",
        usage="[name [line | none]]",
        argument=Argument.LINE,
        run=lines.alias,
        help="presets: !alias oil oil painting -C 9, then !oil a castle",
    ),
)
