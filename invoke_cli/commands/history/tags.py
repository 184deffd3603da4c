"""Commands that remember what the user thinks of images: `!tag` and `!rate`."""

from __future__ import annotations

import re

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import Numbered, means_images, numbered
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.language.grammar.history_query import MAX_RATING
from invoke_cli.output import reindex

_TAG = re.compile(r"-?[^\W\d][\w-]{0,39}")
_TAGGING = "!tag 12 14 good portrait: these tags; !tag 12 -good takes one away; !history --tag good lists them"
_RATING = f"!rate 12 {MAX_RATING}: 1 to {MAX_RATING}; 0 takes the rating away; !search rating>=4 lists them"


def tag(context: SessionContext, call: Call) -> None:
    """Give images tags, or take tags away."""
    words = call.required(_TAGGING)
    images = _images(context, [word for word in words if means_images(word)], _TAGGING)
    tags = [tag.lower() for word in words if not means_images(word) for tag in word.split(",") if tag]
    for name in tags:
        if _TAG.fullmatch(name) is None:
            raise CommandError(f"{name[:40]!r} cannot be a tag", hint="a tag begins with a letter and has no blanks")
    for image in images:
        for name in tags:
            reindex.tag(image.folder, image.entry.number, name.removeprefix("-"), on=not name.startswith("-"))
    _tell(context, images)


def rate(context: SessionContext, call: Call) -> None:
    """Rate images from 1 to 5."""
    *words, rating = call.required(_RATING)
    if not words or not rating.isdecimal() or int(rating) > MAX_RATING:
        raise CommandError(f"a rating from 0 to {MAX_RATING} comes last", hint=_RATING)
    images = _images(context, words, _RATING)
    for image in images:
        reindex.rate(image.folder, image.entry.number, int(rating))
    _tell(context, images)


def _images(context: SessionContext, words: list[str], usage: str) -> list[Numbered]:
    images = numbered(context, words)
    if not images:
        raise CommandError("no image is named", hint=usage)
    return images


def _tell(context: SessionContext, images: list[Numbered]) -> None:
    for image in images:
        number = image.entry.number
        marks = image.folder.history.marks([number]).get(number, ("no tags and no rating",))
        context.say(f"[{number}] {', '.join(marks)}")
