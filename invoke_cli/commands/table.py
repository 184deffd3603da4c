"""The command table: each `!` command is declared here and nowhere else. Help and completion derive from it."""

from __future__ import annotations

from invoke_cli.commands import books, comparing, helping, lines, plotting, recall, shop
from invoke_cli.commands.command import Argument, Chapter, Command

COMMANDS: tuple[Command, ...] = (
    Command(name="help", usage="[topic]", argument=Argument.TOPIC, run=helping.show_help, help="help, by topic"),
    Command(
        name="history",
        chapter=Chapter.HISTORY,
        usage="[n]",
        run=books.history,
        help="the last images, with their numbers and lines",
    ),
    Command(
        name="search",
        chapter=Chapter.HISTORY,
        usage="words",
        argument=Argument.TEXT,
        run=books.search,
        help="images whose line holds all words",
    ),
    Command(
        name="again",
        chapter=Chapter.LINES,
        usage="[switches]",
        argument=Argument.LINE,
        run=lines.again,
        help="the last line once more, same seed; -f+.1 adds to its strength",
    ),
    Command(
        name="fetch",
        chapter=Chapter.PICTURES,
        usage="image",
        argument=Argument.IMAGE,
        run=recall.fetch,
        help="a picture's line into the next prompt",
    ),
    Command(
        name="replay",
        chapter=Chapter.PICTURES,
        usage="image or file",
        argument=Argument.IMAGE,
        run=recall.replay,
        help="the same picture again, or the lines of a file",
    ),
    Command(
        name="verify",
        chapter=Chapter.PICTURES,
        usage="image …",
        argument=Argument.IMAGE,
        run=recall.verify,
        help="make pictures again and say whether they are identical",
    ),
    Command(
        name="info",
        chapter=Chapter.PICTURES,
        usage="image",
        argument=Argument.IMAGE,
        run=recall.info,
        help="all that a picture says of itself",
    ),
    Command(
        name="compare",
        chapter=Chapter.PICTURES,
        usage="[--strips] image image …",
        argument=Argument.IMAGE,
        run=comparing.compare,
        help="pictures beside each other: what the model began with, its steps aligned by noise, the results",
    ),
    Command(
        name="grid",
        chapter=Chapter.PICTURES,
        usage="[last | session | image …]",
        argument=Argument.IMAGE,
        run=comparing.grid,
        help="pictures beside each other with their names, before and after",
    ),
    Command(
        name="contact",
        chapter=Chapter.PICTURES,
        usage="[last | session | image …]",
        argument=Argument.IMAGE,
        run=comparing.contact,
        help="a contact sheet, of the last command's images unless told otherwise",
    ),
    Command(
        name="plot",
        chapter=Chapter.PICTURES,
        usage="strength [-s50]",
        argument=Argument.TEXT,
        run=plotting.plot,
        help="which steps each strength takes, as a picture and as text",
    ),
    Command(name="show", usage="", run=shop.show, help="the values a line would use, and where each comes from"),
    Command(
        name="plan",
        chapter=Chapter.LINES,
        usage="line",
        argument=Argument.LINE,
        run=lines.plan,
        help="what a line would do; loads nothing",
    ),
    Command(
        name="dream", chapter=Chapter.LINES, usage="line", argument=Argument.LINE, run=lines.dream, help="draw a line"
    ),
    Command(name="models", usage="", run=shop.models, help="the models: active, loaded, not there"),
    Command(
        name="switch", usage="name", argument=Argument.MODEL, run=shop.switch, help="use another model from now on"
    ),
    Command(
        name="set",
        usage="[switches | reset]",
        argument=Argument.LINE,
        run=shop.set_defaults,
        help="defaults for this session",
    ),
    Command(
        name="check",
        chapter=Chapter.LINES,
        usage="[line]",
        argument=Argument.LINE,
        run=shop.check,
        help="whether a line could be drawn: weights, image, prompt, memory",
    ),
    Command(name="mem", usage="", run=shop.memory, help="memory now"),
    Command(
        name="open",
        chapter=Chapter.HISTORY,
        usage="[number or image …]",
        argument=Argument.IMAGE,
        run=books.open_image,
        help="show images in the system's viewer",
    ),
    Command(
        name="rm",
        chapter=Chapter.HISTORY,
        usage="number …",
        argument=Argument.IMAGE,
        run=books.remove,
        help="move images to the trash folder",
    ),
    Command(
        name="alias",
        chapter=Chapter.LINES,
        usage="[name [line | none]]",
        argument=Argument.LINE,
        run=lines.alias,
        help="presets: !alias oil oil painting -C 9, then !oil a castle",
    ),
    Command(name="clear", usage="", run=books.clear, help="forget the lines that were typed"),
)

# Commands of the design that are still to come; refused by name.
PENDING = (
    "sweep", "tree", "tag", "rate", "save", "fix", "mask", "model",
    "import_model", "edit_model", "del_model", "convert_model", "optimize_model", "triggers", "diff", "ladder",
    "final", "reindex", "edit", "watch", "strip",
)  # fmt: skip
