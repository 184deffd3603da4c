"""Rows of the command table: commands on images."""

from __future__ import annotations

from invoke_cli.commands.command import Argument, Command
from invoke_cli.commands.history import export
from invoke_cli.commands.images import compare, fetch, fix, info, mask, plot, reproduce
from invoke_cli.language.grammar.command_switches import CommandSwitch

IMAGE_COMMANDS = (
    Command(
        name="strip",
        usage="image",
        argument=Argument.IMAGE,
        run=export.strip,
        switches=(),
        help="copy an image without its metadata",
    ),
    Command(
        name="fetch",
        usage="image [prompt | seed | remix | lines.txt]",
        argument=Argument.IMAGE,
        run=fetch.fetch,
        switches=(),
        help="load the line of an image, or a part of it, into the next prompt; write the lines of several to a file",
    ),
    Command(
        name="replay",
        usage="image or file",
        argument=Argument.IMAGE_OR_LINES,
        run=reproduce.replay,
        switches=(CommandSwitch(name="--dry_run"),),
        help="reproduce an image, or run the lines of a file",
    ),
    Command(
        name="verify",
        usage="image …",
        argument=Argument.IMAGE,
        run=reproduce.verify,
        switches=(),
        help="reproduce images and report whether they are identical",
    ),
    Command(
        name="info",
        usage="image",
        argument=Argument.IMAGE,
        run=info.info,
        only_reports=True,
        switches=(),
        help="show the metadata of an image",
    ),
    Command(
        name="compare",
        usage="[--strips] image image …",
        argument=Argument.IMAGE,
        run=compare.compare,
        switches=(CommandSwitch(name="--strips"),),
        help="show images side by side: start image, steps aligned by noise level, result",
    ),
    Command(
        name="grid",
        usage="[last | session | image …]",
        argument=Argument.IMAGE,
        run=compare.grid,
        switches=(),
        help="show images side by side with their names",
    ),
    Command(
        name="contact",
        usage="[last | session | image …]",
        argument=Argument.IMAGE,
        run=compare.contact,
        switches=(),
        help="save a contact sheet; by default of the images of the last command",
    ),
    Command(
        name="plot",
        usage="strength [-s50]",
        argument=Argument.TEXT,
        run=plot.plot,
        help="chart which steps run at each strength, as an image and as text",
    ),
    Command(
        name="mask",
        usage="image switches",
        argument=Argument.IMAGE_AND_SWITCHES,
        run=mask.mask,
        help="save the area that -tm, -M, -c or transparency would paint, as a mask and as a preview",
    ),
    Command(
        name="fix",
        usage="image switches",
        argument=Argument.IMAGE_AND_SWITCHES,
        run=fix.fix,
        help="postprocess any image into a new one: !fix photo.png -U 2; the original is not modified",
    ),
)
