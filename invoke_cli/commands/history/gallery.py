"""`!gallery`: a page of the images that a search finds, with thumbnails in a folder beside it."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.commands.history.browse import search_query
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError, ImageError
from invoke_cli.imaging.open_image import open_path
from invoke_cli.language.grammar.history_query import Query
from invoke_cli.output.entries import Entry
from invoke_cli.output.files import write_atomically
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.history import Marks
from invoke_cli.output.items import file_item
from invoke_cli.output.web_page import data_element, link, page_asset, web_page

MAX_IMAGES = 100_000
THUMBNAILS = "gallery-thumbnails"
THUMBNAIL_SIDE = 256
_PROGRESS_PARTS = 10
_SLOW = 200  # missing thumbnails from which progress is reported
_MAX_NAME = 60


def gallery(context: SessionContext, call: Call) -> None:
    """Write a page of all images, or of those that match all words and conditions."""
    if context.settings.is_private(""):
        raise CommandError("a gallery shows prompts, but this session is private", hint="!set reset ends that")
    folder = context.folder()
    query = search_query(call) if call.words else Query()
    entries = folder.history.find(query, MAX_IMAGES)[::-1]
    if not entries:
        raise CommandError(
            "no images match" if call.words else "this folder contains no images yet", hint="!help search"
        )
    thumbnails = _thumbnails(context, folder, entries)
    page = folder.path / f"gallery{_suffix(call.words)}.html"
    title = " ".join(["!gallery", *call.words])
    data = {"title": title, "images": _images(folder, entries, thumbnails)}
    body = "\n".join([page_asset("gallery.html"), data_element(data)])
    write_atomically(page, web_page("gallery", title, body).encode())
    count = f"{len(entries)} image{'' if len(entries) == 1 else 's'}"
    context.say(f"{page}: {count}; open it in a browser", items=[file_item(page)])


def _suffix(words: Sequence[str]) -> str:
    """Return the part of the page's name that tells searches apart; a hash where their words alone do not."""
    if not words:
        return ""
    text = "-".join(words).lower()
    plain = re.sub(r"[^\w.]+", "-", text).strip("-.")[:_MAX_NAME]
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"-{plain}" if plain == text else f"-{plain}-{digest}".replace("--", "-")


def _images(
    folder: OutputFolder, entries: Sequence[Entry], thumbnails: Mapping[int, Path]
) -> Sequence[Mapping[str, object]]:
    """Return the images as the script of the page reads them."""
    numbers = [entry.number for entry in entries]
    history = folder.history
    marks, parents, children = history.marks(numbers), history.parents_of(numbers), history.children_of(numbers)
    return [
        {
            "number": entry.number,
            "file": link(folder.path_of(entry), folder.path),
            "thumbnail": link(thumbnails[entry.number], folder.path) if entry.number in thumbnails else None,
            "line": entry.line,
            "created": entry.created,
            "sheet": entry.kind,
            "rating": marks.get(entry.number, Marks()).rating,
            "tags": marks.get(entry.number, Marks()).tags,
            "parents": [(file.name, number) for file, number in parents.get(entry.number, ())],
            "children": children.get(entry.number, ()),
        }
        for entry in entries
    ]


# -- thumbnails ------------------------------------------------------------------------------------------------------


def _thumbnails(context: SessionContext, folder: OutputFolder, entries: Sequence[Entry]) -> Mapping[int, Path]:
    """Return the thumbnail of each image that can be opened; those of earlier galleries are used again."""
    store = folder.path / THUMBNAILS
    paths = {entry.number: store / _thumbnail_name(entry) for entry in entries}
    existing = {path.name for path in store.glob("*.jpg")}
    missing = [entry for entry in entries if paths[entry.number].name not in existing]
    for done, entry in enumerate(missing):
        context.check_stopped()
        if len(missing) >= _SLOW and done % (len(missing) // _PROGRESS_PARTS) == 0:
            context.notice(f"thumbnails: {done} of {len(missing)}")
        try:
            write_atomically(paths[entry.number], _thumbnail(folder.path_of(entry)), durable=False)
        except ImageError:
            del paths[entry.number]
    return paths


def _thumbnail_name(entry: Entry) -> str:
    """Return the name of a thumbnail, which differs for a file of other content under the same number."""
    return f"{entry.number:06d}-{(entry.sha256 or entry.pixel_sha256)[:12]}.jpg"


def _thumbnail(path: Path) -> bytes:
    """Return a small copy of an image as JPEG. Raises ImageError if it cannot be opened."""
    image = open_path(path).image.copy()
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=82)
    return data.getvalue()
