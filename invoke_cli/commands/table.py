"""The command table: each `!` command is declared here and nowhere else. Help and completion derive from it."""

from __future__ import annotations

from invoke_cli.commands import books, helping, lines, masks, recall, shop
from invoke_cli.commands.command import Argument, Command
from invoke_cli.commands.model_table import MODEL_COMMANDS

COMMANDS: tuple[Command, ...] = (
    Command(name="help", usage="[topic]", argument=Argument.TOPIC, run=helping.show_help, help="help, by topic"),
    Command(name="history", usage="[n]", run=books.history, help="the last images, with their numbers and lines"),
    Command(
        name="search", usage="words", argument=Argument.TEXT, run=books.search, help="images whose line holds all words"
    ),
    Command(
        name="again",
        usage="[switches]",
        argument=Argument.LINE,
        run=lines.again,
        help="the last line once more, same seed; -f+.1 adds to its strength",
    ),
    Command(
        name="fetch",
        usage="image [all | prompt | seed | remix]",
        argument=Argument.IMAGE,
        run=recall.fetch,
        help="a picture's line, or a part of it, into the next prompt; remix is all but the seed",
    ),
    Command(
        name="replay",
        usage="image or file",
        argument=Argument.IMAGE,
        run=recall.replay,
        help="the same picture again, or the lines of a file",
    ),
    Command(
        name="verify",
        usage="image …",
        argument=Argument.IMAGE,
        run=recall.verify,
        help="make pictures again and say whether they are identical",
    ),
    Command(
        name="info", usage="image", argument=Argument.IMAGE, run=recall.info, help="all that a picture says of itself"
    ),
    Command(
        name="mask",
        usage="image switches",
        argument=Argument.IMAGE,
        run=masks.mask,
        help="what -tm, -M, -c or transparency would paint, as a mask to use and a picture to look at",
    ),
    Command(name="show", usage="", run=shop.show, help="the values a line would use, and where each comes from"),
    Command(
        name="plan", usage="line", argument=Argument.LINE, run=lines.plan, help="what a line would do; loads nothing"
    ),
    Command(name="dream", usage="line", argument=Argument.LINE, run=lines.dream, help="draw a line"),
    *MODEL_COMMANDS,
    Command(
        name="set",
        usage="[switches | reset]",
        argument=Argument.LINE,
        run=shop.set_defaults,
        help="defaults for this session",
    ),
    Command(
        name="check",
        usage="[line]",
        argument=Argument.LINE,
        run=shop.check,
        help="whether a line could be drawn: weights, image, prompt, memory",
    ),
    Command(name="mem", usage="", run=shop.memory, help="memory now"),
    Command(
        name="open",
        usage="[number or image …]",
        argument=Argument.IMAGE,
        run=books.open_image,
        help="show images in the system's viewer",
    ),
    Command(
        name="rm", usage="number …", argument=Argument.IMAGE, run=books.remove, help="move images to the trash folder"
    ),
    Command(
        name="alias",
        usage="[name [line | none]]",
        argument=Argument.LINE,
        run=lines.alias,
        help="presets: !alias oil oil painting -C 9, then !oil a castle",
    ),
    Command(name="clear", usage="", run=books.clear, help="forget the lines that were typed"),
)

# Commands of the design that are still to come; refused by name.
PENDING = (
    "sweep", "compare", "grid", "contact", "plot", "tree", "tag", "rate", "save", "fix",
    "optimize_model", "diff", "ladder",
    "final", "reindex", "edit", "watch", "strip",
)  # fmt: skip
