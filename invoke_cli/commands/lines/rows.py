"""Rows of the command table: commands on lines."""

from __future__ import annotations

from invoke_cli.commands.command import Argument, Command
from invoke_cli.commands.lines import edit, explore, ladder, variants, watch
from invoke_cli.commands.session import check

LINE_COMMANDS = (
    Command(
        name="again",
        usage="[switches]",
        argument=Argument.LINE,
        run=variants.again,
        help="run the last line again with the same seed; -f+.1 adds to its strength, -f+.1@2 to that of stage 2",
    ),
    Command(
        name="plan",
        usage="line",
        argument=Argument.LINE,
        run=variants.plan,
        only_reports=True,
        help="show what a line would do, without loading a model",
    ),
    Command(name="dream", usage="line", argument=Argument.LINE, run=variants.dream, help="run a line"),
    Command(
        name="check",
        usage="[line]",
        argument=Argument.LINE,
        run=check.check,
        help="check whether a line can run: weights, images, masks, LoRAs, control models, upscalers, prompt, memory",
    ),
    Command(
        name="alias",
        usage="[name [line | none]]",
        argument=Argument.LINE,
        run=variants.alias,
        help="define a preset of prompt and switches: !alias oil oil painting -C 9, then !oil a castle",
    ),
    Command(
        name="sweep",
        usage="line with lists",
        argument=Argument.LINE,
        run=explore.sweep,
        help="generate all combinations of lists, ranges and alternatives, such as -f .3,.5 -C 5..11:3 {a|b}, as a "
        "grid and a table; repeat it to resume",
    ),
    Command(
        name="ladder",
        usage="line",
        argument=Argument.LINE,
        run=ladder.ladder,
        help="try the strengths 0.1 to 1 on an init image, and chart the distance from it",
    ),
    Command(
        name="watch",
        usage="image line",
        argument=Argument.IMAGE,
        run=watch.watch,
        help="run the line each time another program saves this init image; Ctrl-C stops",
    ),
    Command(
        name="final",
        usage="number [switches]",
        argument=Argument.LINE,
        run=variants.final,
        help="run the line of an image again with its seed and these switches",
    ),
    Command(
        name="edit",
        usage="[line | number …]",
        argument=Argument.LINE,
        run=edit.edit,
        help="edit the last line, this line or those of images in $VISUAL or $EDITOR; several run after a confirmation",
    ),
)
