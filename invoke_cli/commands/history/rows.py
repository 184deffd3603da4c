"""Rows of the command table: commands on the history."""

from __future__ import annotations

from invoke_cli.commands.command import Argument, Command
from invoke_cli.commands.history import browse, export, gallery, lineage, tags
from invoke_cli.language.grammar.command_switches import CommandSwitch

HISTORY_COMMANDS = (
    Command(
        name="history",
        usage="[n] [--tag good] [--since yesterday]",
        argument=Argument.TEXT,
        run=browse.history,
        only_reports=True,
        help="list the last images, or those that match",
    ),
    Command(
        name="search",
        usage="words strength>0.5 model:xl since:3d …",
        argument=Argument.TEXT,
        run=browse.search,
        only_reports=True,
        help="list the images that match all words and conditions; any switch can be a condition",
    ),
    Command(
        name="typed",
        usage="[words | number]",
        argument=Argument.TEXT,
        run=browse.typed,
        only_reports=True,
        help="list the lines typed at the prompt, also those that generated nothing, or load one for editing",
    ),
    Command(
        name="gallery",
        usage="[words strength>0.5 model:xl since:3d …]",
        argument=Argument.TEXT,
        run=gallery.gallery,
        help="write a web page of all images, or of those that match, to filter and browse",
    ),
    Command(
        name="tag",
        usage="image … word …",
        argument=Argument.IMAGE,
        run=tags.tag,
        help="add tags to images; -word removes one",
    ),
    Command(
        name="rate",
        usage="image … 0-5",
        argument=Argument.IMAGE,
        run=tags.rate,
        switches=(),
        help="rate images; !search rating>=4 finds them",
    ),
    Command(
        name="tree",
        usage="image",
        argument=Argument.IMAGE,
        run=lineage.tree,
        only_reports=True,
        switches=(),
        help="show the images that an image was generated from, and those generated from it",
    ),
    Command(
        name="diff",
        usage="image image",
        argument=Argument.IMAGE,
        run=lineage.diff,
        only_reports=True,
        switches=(),
        help="compare the settings and the pixels of two images",
    ),
    Command(
        name="save",
        usage="last | session | image … DIR [--zip] [--fnformat TEMPLATE]",
        argument=Argument.IMAGE,
        run=export.save,
        switches=(CommandSwitch(name="--zip"), CommandSwitch(name="--fnformat", takes_value=True)),
        help="copy images to a folder or a zip file, under descriptive names",
    ),
    Command(
        name="reindex",
        usage="",
        run=browse.reindex,
        help="rebuild the history from the images",
    ),
    Command(
        name="open",
        usage="[image …]",
        argument=Argument.IMAGE,
        run=browse.open_image,
        switches=(),
        help="open images in the system's image viewer",
    ),
    Command(
        name="rm",
        usage="image …",
        argument=Argument.IMAGE,
        run=browse.remove,
        switches=(),
        help="move images to the trash folder",
    ),
)
