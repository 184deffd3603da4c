"""Commands that store the user's opinion of images: `!tag` and `!rate`."""

from __future__ import annotations

import re

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import HistoryImage, history_images, is_history_reference
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.language.grammar.history_query import MAX_RATING
from invoke_cli.output import reindex
from invoke_cli.output.items import image_items

_TAG = re.compile(r"-?[^\W\d][\w-]{0,39}")
_TAG_USAGE = "!tag 12 14 good portrait: add tags; !tag 12 -good removes one; !history --tag good lists the images"
_RATE_USAGE = (
    f"!rate 12 {MAX_RATING}: rate from 1 to {MAX_RATING}; 0 removes the rating; !search rating>=4 lists the images"
)


def tag(context: SessionContext, call: Call) -> None:
    """Add tags to images, or remove tags from them."""
    words = call.required(_TAG_USAGE)
    images = _images(context, [word for word in words if is_history_reference(word)], _TAG_USAGE)
    tags = [tag.lower() for word in words if not is_history_reference(word) for tag in word.split(",") if tag]
    invalid = next((name for name in tags if _TAG.fullmatch(name) is None), None)
    if invalid is not None:
        raise CommandError(
            f"not a valid tag: {invalid[:40]!r}", hint="a tag starts with a letter and contains no spaces"
        )
    for image in images:
        for name in tags:
            reindex.tag(image.folder, image.entry.number, name.removeprefix("-"), on=not name.startswith("-"))
    _show_marks(context, images)


def rate(context: SessionContext, call: Call) -> None:
    """Rate images from 1 to 5; 0 removes the rating."""
    *words, rating = call.required(_RATE_USAGE)
    if not words or not rating.isdecimal() or int(rating) > MAX_RATING:
        raise CommandError(f"!rate needs a rating from 0 to {MAX_RATING} at the end", hint=_RATE_USAGE)
    images = _images(context, words, _RATE_USAGE)
    for image in images:
        reindex.rate(image.folder, image.entry.number, int(rating))
    _show_marks(context, images)


def _images(context: SessionContext, words: list[str], usage: str) -> list[HistoryImage]:
    images = history_images(context, words)
    if not images:
        raise CommandError("no images specified", hint=usage)
    return images


def _show_marks(context: SessionContext, images: list[HistoryImage]) -> None:
    for image in images:
        number = image.entry.number
        marks = image.folder.history.annotations([number]).get(number, ("no tags and no rating",))
        context.say(f"[{number}] {', '.join(marks)}", items=image_items(image.folder, [image.entry]))
