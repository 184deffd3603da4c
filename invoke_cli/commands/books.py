"""Commands on the books of the output folder: what was made, searching it, opening and removing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.errors import CommandError
from invoke_cli.events import Forget, Prefill
from invoke_cli.language.showing import harmless
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.history import Entry
from invoke_cli.workshop.references import find_image
from invoke_cli.workshop.workshop import Workshop

USUAL_LENGTH = 20
SEARCH_LENGTH = 100


def history(workshop: Workshop, call: Call) -> None:
    """List the last images."""
    count = _count(call.argument) if call.argument else USUAL_LENGTH
    _list(workshop, workshop.folder().history.recent(count), "no images yet in this folder")


def search(workshop: Workshop, call: Call) -> None:
    """List the images whose line holds all words."""
    words = call.required("!search tree river: images whose line holds both words")
    found = workshop.folder().history.search(words, SEARCH_LENGTH)
    _list(workshop, found, f"no image's line holds {' and '.join(words)}")


def edit_number(workshop: Workshop, number: int) -> None:
    """Put the line that made an image into the next prompt."""
    entry = _entry(workshop.folder(), number)
    workshop.emit(Prefill(line=entry.line))


def open_image(workshop: Workshop, call: Call) -> None:
    """Show an image in the system's own viewer."""
    folder = workshop.folder()
    for word in call.words or ["@last"]:
        path = find_image(f"!{word}" if word.isdigit() else word, folder)
        _launch_viewer(path)
        workshop.notice(f"opened {path}")


def remove(workshop: Workshop, call: Call) -> None:
    """Move images, with their strips and intermediates, to the trash."""
    folder = workshop.folder()
    for word in call.required("!rm 17 18: these images go to the trash"):
        number = _count(word.lstrip("!"))
        entry = _entry(folder, number)
        path = folder.path_of(entry)
        steps = folder.intermediates(path, number, entry.seed)
        for beside in (path, path.with_name(f"{path.stem}.steps.png"), steps):
            if beside.exists():
                kept = folder.to_trash(beside)
                workshop.notice(f"{beside} is now {kept}")
        folder.history.mark_removed(number)


def clear(workshop: Workshop, _: Call) -> None:
    """Forget the lines that were typed; images and their history stay."""
    workshop.emit(Forget())
    workshop.notice("the typed lines are forgotten; the images and their history stay")


def _list(workshop: Workshop, entries: Sequence[Entry], empty: str) -> None:
    lines = [f"[{entry.number}] {entry.path}: {harmless(entry.line)}" for entry in entries]
    workshop.say("\n".join(lines) or empty)


def _entry(folder: OutputFolder, number: int) -> Entry:
    entry = folder.history.get(number)
    if entry is None:
        raise CommandError(f"there is no image number {number} in {folder.path}", hint="!history lists them")
    return entry


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise CommandError(f"a number was expected, not {text[:40]!r}", hint="!history lists the images by number")
    return int(text)


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
