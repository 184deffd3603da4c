"""Commands on what was made: finding it, marking it, keeping it."""

from __future__ import annotations

from invoke_cli.commands import books, keeping, kinship, marking
from invoke_cli.commands.command import Argument, Command

ROWS = (
    Command(
        name="history",
        usage="[n] [--tag good] [--since yesterday]",
        argument=Argument.TEXT,
        run=books.history,
        help="the last images, all or those that answer",
    ),
    Command(
        name="search",
        usage="words strength>0.5 model:xl since:3d …",
        argument=Argument.TEXT,
        run=books.search,
        help="images whose line holds all words and that answer; any switch's name can be asked for",
    ),
    Command(
        name="tag",
        usage="number … word …",
        argument=Argument.IMAGE,
        run=marking.tag,
        help="give images tags; -word takes one away",
    ),
    Command(
        name="rate",
        usage="number … 0-5",
        argument=Argument.IMAGE,
        run=marking.rate,
        help="rate images; !search rating>=4 finds them",
    ),
    Command(
        name="tree",
        usage="image",
        argument=Argument.IMAGE,
        run=kinship.tree,
        help="what a picture was made from, and what was made from it",
    ),
    Command(
        name="diff",
        usage="image image",
        argument=Argument.IMAGE,
        run=kinship.diff,
        help="the settings in which two pictures differ, and how far apart their pixels are",
    ),
    Command(
        name="save",
        usage="last | session | number … DIR [--zip] [--fnformat TEMPLATE]",
        argument=Argument.IMAGE,
        run=keeping.save,
        help="copies under names that say what they are",
    ),
    Command(
        name="reindex",
        usage="",
        run=books.reindex,
        help="make the history anew from the images alone",
    ),
    Command(
        name="open",
        usage="[number or image …]",
        argument=Argument.IMAGE,
        run=books.open_image,
        help="show images in the system's viewer",
    ),
    Command(
        name="rm",
        usage="number …",
        argument=Argument.IMAGE,
        run=books.remove,
        help="move images to the trash folder",
    ),
)
