"""Commands on the books of the output folder: what was made, searching it, opening and removing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from glob import escape
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import images_of, numbered
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.events import Forget, Prefill
from invoke_cli.language.grammar.history_query import EXAMPLE, Query, parse_query
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.output.entries import Entry
from invoke_cli.output.reindex import reindex as read_images_again

USUAL_LENGTH = 20
SEARCH_LENGTH = 100


def history(context: SessionContext, call: Call) -> None:
    """List the last images, all or those that answer `--tag good --since yesterday` and the like."""
    count, parts = USUAL_LENGTH, []
    for part in _joined(call.words):
        if part.isascii() and part.isdigit() and len(part) < 10:
            count = int(part)
        else:
            parts.append(part)
    query = parse_query(parts, _now())
    if query == Query():
        _list(context, context.folder().history.recent(count), "no images yet in this folder")
    else:
        _list(context, context.folder().history.find(query, count), f"no image answers {' '.join(parts)}")


def search(context: SessionContext, call: Call) -> None:
    """List the images whose line holds all words and answers all conditions."""
    words = call.required(f"{EXAMPLE}: images that answer all of it")
    query = parse_query(_joined(words), _now())
    found = context.folder().history.find(query, SEARCH_LENGTH)
    _list(context, found, f"no image's line holds {' and '.join(words)}")
    if len(found) == SEARCH_LENGTH:
        context.notice(f"the last {SEARCH_LENGTH} of them; before:2026-01-31 shows older ones")


def edit_number(context: SessionContext, number: int) -> None:
    """Put the line that made an image into the next prompt."""
    (image,) = numbered(context, [str(number)])
    context.emit(Prefill(line=image.entry.line))


def open_image(context: SessionContext, call: Call) -> None:
    """Show an image in the system's own viewer."""
    for word in call.words or ["@last"]:
        for path in images_of(context, word):
            _launch_viewer(path)
            context.notice(f"opened {path}")


def remove(context: SessionContext, call: Call) -> None:
    """Move images, with all that was written beside them, to the trash."""
    for image in numbered(context, call.required("!rm 17 18: these images go to the trash")):
        folder, path, number = image.folder, image.path, image.entry.number
        steps = folder.intermediates(path, number, image.entry.seed)
        stages = sorted(path.parent.glob(f"{escape(path.stem)}.stage-*.png"))
        tables = [path.with_suffix(suffix) for suffix in (".csv", ".html") if image.entry.kind]
        for beside in (path, path.with_name(f"{path.stem}.steps.png"), *stages, *tables, steps):
            if beside.exists():
                kept = folder.to_trash(beside)
                context.notice(f"{beside} is now {kept}")
        folder.history.mark_removed(number)


def reindex(context: SessionContext, _: Call) -> None:
    """Read all images again and make the history anew from them."""
    count = read_images_again(context.folder(), context.check_stopped)
    context.say(f"the history of {context.folder().path} is made anew: {count} images")


def clear(context: SessionContext, _: Call) -> None:
    """Forget the lines that were typed; images and their history stay."""
    context.emit(Forget())
    context.notice("the typed lines are forgotten; the images and their history stay")


def _list(context: SessionContext, entries: Sequence[Entry], empty: str) -> None:
    marks = context.folder().history.marks([entry.number for entry in entries])
    lines: list[str] = []
    for entry in entries:
        lines.append(f"[{entry.number}] {entry.path}: {sanitize_for_terminal(entry.line)}")
        if entry.number in marks:
            lines.append(f"    {', '.join(marks[entry.number])}")
    context.say("\n".join(lines) or empty)


def _joined(words: Sequence[str]) -> Iterator[str]:
    """`--tag good` as `--tag:good`; everything else as it is."""
    rest = iter(words)
    for word in rest:
        if word.startswith("--") and not any(sign in word for sign in ":=<>"):
            value = next(rest, "")
            yield f"{word}:{value}"
        else:
            yield word


def _now() -> datetime:
    return datetime.now().astimezone()


def _launch_viewer(path: Path) -> None:
    if sys.platform == "win32":
        os.startfile(path)
        return
    viewer = "open" if sys.platform == "darwin" else "xdg-open"
    try:
        subprocess.Popen(
            [viewer, str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
    except OSError:
        raise CommandError(f"no viewer ({viewer}) on this machine", hint=f"the image is {path}") from None
