"""Commands on the history of the output folder: list, search, open and remove images."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from glob import escape
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.commands.history.listing import Listing
from invoke_cli.commands.image_selection import find_images, history_images
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.events import Forget, Prefill, Step
from invoke_cli.language.grammar.history_query import EXAMPLE, Query, parse_query, query_parts
from invoke_cli.language.grammar.shell_words import typed_words
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.output.entries import Entry
from invoke_cli.output.items import image_items, line_item
from invoke_cli.output.reindex import reindex as rebuild_history
from invoke_cli.output.typed_lines import TypedLines

DEFAULT_LENGTH = 20
SEARCH_LENGTH = 100
_REPORT_SECONDS = 0.2


def history(context: SessionContext, call: Call) -> None:
    """List the last images, or those that match conditions such as `--tag good --since yesterday`."""
    count, parts = DEFAULT_LENGTH, []
    for part in query_parts(typed_words(call.argument)):
        if part.isascii() and part.isdigit() and len(part) < 10:
            count = int(part)
        else:
            parts.append(part)
    query = parse_query(parts, _now())
    if query == Query():
        _list(context, context.folder().history.recent(count), "this folder contains no images yet")
    else:
        _list(context, context.folder().history.find(query, count), f"no images match {' '.join(parts)}")


def search(context: SessionContext, call: Call) -> None:
    """List the images whose line contains all words and matches all conditions."""
    words = call.required(f"{EXAMPLE}: list the images that match all of these")
    query = search_query(call)
    found = context.folder().history.find(query, SEARCH_LENGTH)
    _list(context, found, f"no images match {' and '.join(words)}")
    if not found and (lines := TypedLines(context.folder().history.path).numbered(call.argument, SEARCH_LENGTH)):
        count = "one typed line contains" if len(lines) == 1 else f"{len(lines)} typed lines contain"
        context.notice(f"{count} these words: !typed {call.argument.strip()}")
    if len(found) == SEARCH_LENGTH:
        context.notice(f"only the last {SEARCH_LENGTH} matches are shown; add before:2026-01-31 for older ones")


def typed(context: SessionContext, call: Call) -> None:
    """List typed lines, also those that generated nothing, or load the one with a number into the next prompt."""
    lines = TypedLines(context.folder().history.path)
    words = call.argument.strip()
    if words.isascii() and words.isdigit() and len(words) < 10:
        line = lines.line(int(words))
        if line is None:
            raise CommandError(f"no typed line has the number {words}", hint="!typed lists them", span=call.span)
        context.emit(Prefill(line=line))
        return
    found = lines.numbered(words, SEARCH_LENGTH if words else DEFAULT_LENGTH)
    text = "\n".join(f"({number}) {sanitize_for_terminal(line)}" for number, line in found)
    empty = f"no typed lines contain {words}" if words else "no lines were typed in this folder yet"
    context.say(text or empty, items=[line_item(str(number), line) for number, line in found])


def search_query(call: Call) -> Query:
    """Return the query for the words of a search. Raises CommandError if a condition is invalid."""
    return parse_query(query_parts(typed_words(call.argument)), _now())


def edit_number(context: SessionContext, number: int) -> None:
    """Load the line of an image into the next prompt."""
    (image,) = history_images(context, [str(number)])
    context.emit(Prefill(line=image.entry.line))


def open_image(context: SessionContext, call: Call) -> None:
    """Open images in the viewer of the operating system."""
    for word in call.words or ["@last"]:
        for path in find_images(context, word):
            _launch_viewer(path)
            context.notice(f"opened {path}")


def remove(context: SessionContext, call: Call) -> None:
    """Move images, and the files that were saved with them, to the trash folder."""
    for image in history_images(context, call.required("!rm 17 18: move these images to the trash folder")):
        folder, path = image.folder, image.path
        steps = folder.intermediates(path)
        stages = sorted(path.parent.glob(f"{escape(path.stem)}.stage-*.png"))
        tables = [path.with_suffix(suffix) for suffix in (".csv", ".html") if image.entry.kind]
        strip = path.with_name(f"{path.stem}.steps.png")
        for file, moved in folder.remove(image.entry, (strip, *stages, *tables, steps)):
            context.notice(f"moved {file} to {moved}")


def reindex(context: SessionContext, _: Call) -> None:
    """Rebuild the history from the images."""
    count = rebuild_history(context.folder(), _Progress(context))
    context.say(
        f"rebuilt the history of {context.folder().path}: {count} images",
        items=[{"kind": "folder", "path": str(context.folder().path), "images": count}],
    )


class _Progress:
    """Reports the progress of a command that reads many files, several times a second, and ends it on Ctrl-C."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._began = self._reported = time.monotonic()

    def __call__(self, done: int, count: int) -> None:
        self._context.check_stopped()
        now = time.monotonic()
        if now - self._reported > _REPORT_SECONDS:
            self._reported = now
            self._context.emit(Step(image=1, images=1, step=done, steps=count, seconds=now - self._began))


def clear(context: SessionContext, _: Call) -> None:
    """Clear the history of typed lines; images and their history are kept."""
    context.emit(Forget())
    context.notice("cleared the typed lines; images and their history are kept")


def _list(context: SessionContext, entries: Sequence[Entry], empty: str) -> None:
    marks = context.folder().history.annotations([entry.number for entry in entries])
    lines: list[str] = []
    for entry in entries:
        lines.append(f"[{entry.number}] {entry.path}: {sanitize_for_terminal(entry.line)}")
        if entry.number in marks:
            lines.append(f"    {', '.join(marks[entry.number])}")
    listing = Listing(context, context.streams.width() - 1, _now())
    items = image_items(context.folder(), entries)
    context.say("\n".join(lines) or empty, items=items, on_terminal=listing.text(entries, marks))


def _now() -> datetime:
    return datetime.now().astimezone()


def _launch_viewer(path: Path) -> None:
    if sys.platform == "win32":
        os.startfile(path)
        return
    viewer = "open" if sys.platform == "darwin" else "xdg-open"
    try:
        process = subprocess.Popen(
            [viewer, str(path.absolute())], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        # Somebody must wait for the viewer, or it stays behind as a zombie.
        threading.Thread(target=process.wait, name="invoke-viewer", daemon=True).start()
    except OSError:
        raise CommandError(f"image viewer not found: {viewer}", hint=f"the image is {path}") from None
