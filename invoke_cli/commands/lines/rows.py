"""Commands on lines: again, planned, checked, under names of one's own."""

from __future__ import annotations

from invoke_cli.commands.command import Argument, Command
from invoke_cli.commands.lines import edit, explore, variants, watch
from invoke_cli.commands.session import state

LINE_COMMANDS = (
    Command(
        name="again",
        usage="[switches]",
        argument=Argument.LINE,
        run=variants.again,
        help="the last line once more, same seed; -f+.1 adds to its strength",
    ),
    Command(
        name="plan",
        usage="line",
        argument=Argument.LINE,
        run=variants.plan,
        help="what a line would do; loads nothing",
    ),
    Command(name="dream", usage="line", argument=Argument.LINE, run=variants.dream, help="draw a line"),
    Command(
        name="check",
        usage="[line]",
        argument=Argument.LINE,
        run=state.check,
        help="whether a line could be drawn: weights, image, prompt, memory",
    ),
    Command(
        name="alias",
        usage="[name [line | none]]",
        argument=Argument.LINE,
        run=variants.alias,
        help="presets of words, negatives and switches: !alias oil oil painting -C 9, then !oil a castle",
    ),
    Command(
        name="sweep",
        usage="line with lists",
        argument=Argument.LINE,
        run=explore.sweep,
        help="every combination of -f .3,.5 -C 5..11:3 and the like, in a grid and a table; goes on where it stopped",
    ),
    Command(
        name="ladder",
        usage="line",
        argument=Argument.LINE,
        run=explore.ladder,
        help="the strengths 0.1 to 1 from one init image, and how far each goes from it",
    ),
    Command(
        name="watch",
        usage="image line",
        argument=Argument.IMAGE,
        run=watch.watch,
        help="draw the line from this image each time a program saves it; Ctrl-C ends it",
    ),
    Command(
        name="final",
        usage="number [switches]",
        argument=Argument.LINE,
        run=variants.final,
        help="an image's line once more with its seed, changed by these switches",
    ),
    Command(
        name="edit",
        usage="[line | number …]",
        argument=Argument.LINE,
        run=edit.edit,
        help="the last line, this one or those of images in $VISUAL or $EDITOR; several are drawn after one question",
    ),
)
