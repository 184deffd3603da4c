"""Commands on pictures: their lines, making them again, and pictures made of them."""

from __future__ import annotations

from invoke_cli.commands.command import Argument, Command
from invoke_cli.commands.history import export
from invoke_cli.commands.images import compare, fetch, fix, mask, plot, reproduce

IMAGE_COMMANDS = (
    Command(
        name="strip",
        usage="image",
        argument=Argument.IMAGE,
        run=export.strip,
        help="a copy of a picture without metadata",
    ),
    Command(
        name="fetch",
        usage="image [prompt | seed | remix | lines.txt]",
        argument=Argument.IMAGE,
        run=fetch.fetch,
        help="a picture's line, or a part of it, into the next prompt; the lines of a pattern's pictures into a file",
    ),
    Command(
        name="replay",
        usage="image or file",
        argument=Argument.IMAGE,
        run=reproduce.replay,
        help="the same picture again, or the lines of a file",
    ),
    Command(
        name="verify",
        usage="image …",
        argument=Argument.IMAGE,
        run=reproduce.verify,
        help="make pictures again and say whether they are identical",
    ),
    Command(
        name="info",
        usage="image",
        argument=Argument.IMAGE,
        run=reproduce.info,
        help="all that a picture says of itself",
    ),
    Command(
        name="compare",
        usage="[--strips] image image …",
        argument=Argument.IMAGE,
        run=compare.compare,
        help="pictures beside each other: what the model began with, its steps aligned by noise, the results",
    ),
    Command(
        name="grid",
        usage="[last | session | image …]",
        argument=Argument.IMAGE,
        run=compare.grid,
        help="pictures beside each other with their names, before and after",
    ),
    Command(
        name="contact",
        usage="[last | session | image …]",
        argument=Argument.IMAGE,
        run=compare.contact,
        help="a contact sheet, of the last command's images unless told otherwise",
    ),
    Command(
        name="plot",
        usage="strength [-s50]",
        argument=Argument.TEXT,
        run=plot.plot,
        help="which steps each strength takes, as a picture and as text",
    ),
    Command(
        name="mask",
        usage="image switches",
        argument=Argument.IMAGE,
        run=mask.mask,
        help="what -tm, -M, -c or transparency would paint, as a mask to use and a picture to look at",
    ),
    Command(
        name="fix",
        usage="image switches",
        argument=Argument.IMAGE,
        run=fix.fix,
        help="work on any picture as a new image: !fix photo.png -U 2; the original stays as it is",
    ),
)
