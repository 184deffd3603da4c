"""Commands on what was made: finding it, marking it, keeping it."""

from __future__ import annotations

from invoke_cli.commands.command import Argument, Command
from invoke_cli.commands.history import browse, export, lineage, tags

HISTORY_COMMANDS = (
    Command(
        name="history",
        usage="[n] [--tag good] [--since yesterday]",
        argument=Argument.TEXT,
        run=browse.history,
        help="the last images, all or those that answer",
    ),
    Command(
        name="search",
        usage="words strength>0.5 model:xl since:3d …",
        argument=Argument.TEXT,
        run=browse.search,
        help="images whose line holds all words and that answer; any switch's name can be asked for",
    ),
    Command(
        name="tag",
        usage="number … word …",
        argument=Argument.IMAGE,
        run=tags.tag,
        help="give images tags; -word takes one away",
    ),
    Command(
        name="rate",
        usage="number … 0-5",
        argument=Argument.IMAGE,
        run=tags.rate,
        help="rate images; !search rating>=4 finds them",
    ),
    Command(
        name="tree",
        usage="image",
        argument=Argument.IMAGE,
        run=lineage.tree,
        help="what a picture was made from, and what was made from it",
    ),
    Command(
        name="diff",
        usage="image image",
        argument=Argument.IMAGE,
        run=lineage.diff,
        help="the settings in which two pictures differ, and how far apart their pixels are",
    ),
    Command(
        name="save",
        usage="last | session | number … DIR [--zip] [--fnformat TEMPLATE]",
        argument=Argument.IMAGE,
        run=export.save,
        help="copies under names that say what they are",
    ),
    Command(
        name="reindex",
        usage="",
        run=browse.reindex,
        help="make the history anew from the images alone",
    ),
    Command(
        name="open",
        usage="[number or image …]",
        argument=Argument.IMAGE,
        run=browse.open_image,
        help="show images in the system's viewer",
    ),
    Command(
        name="rm",
        usage="number …",
        argument=Argument.IMAGE,
        run=browse.remove,
        help="move images to the trash folder",
    ),
)
