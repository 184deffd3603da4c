"""The history of a folder, made again from its images, and from the journal of what the user said of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from invoke_cli.errors import OutputError
from invoke_cli.output.entries import Entry
from invoke_cli.output.entry_reader import entry_from_file
from invoke_cli.output.files import append_line
from invoke_cli.output.folder import OutputFolder

_NUMBER = re.compile(r"(\d{6,})\.")
JOURNAL = "marks.jsonl"


def reindex(folder: OutputFolder, check_stopped: Callable[[], None]) -> int:
    """Make the history anew; returns how many images it holds. Images that say nothing of themselves, or lie
    elsewhere, are kept as the old history knew them, where there is one.
    """
    with folder.locked():
        folder.history.set_aside_when_damaged()
        known = {entry.path: entry for entry in folder.history.all()}
        entries: dict[int, Entry] = {}
        seen: set[str] = set()
        unnumbered: list[Path] = []
        for path in _images(folder, known):
            check_stopped()
            before = known.get(folder.inside(path))
            number = before.number if before else _number(path)
            entry = _read(folder, path, before, number or 0)
            if entry is None:
                continue
            if number is not None and number not in entries:
                entries[number] = entry
            elif entry.sha256 not in seen:  # no mere copy
                unnumbered.append(path)
            seen.add(entry.sha256)
        _give_numbers(folder, unnumbered, entries)
        folder.history.rebuild(entry for _, entry in sorted(entries.items()))
        _inputs_again(folder, entries.values())
        _marks_again(folder)
    return len(entries)


def _images(folder: OutputFolder, known: dict[str, Entry]) -> Iterator[Path]:
    """Every PNG that may be an image, those nearest to the top first, then what the old history knew elsewhere."""
    inner = (folder.state_folder, folder.path / "intermediates")
    found = [path for path in folder.path.rglob("*.png") if not any(path.is_relative_to(part) for part in inner)]
    yield from sorted(found, key=lambda path: (len(path.parts), path))
    yield from (path for name in known if (path := folder.path / name).is_file() and path not in set(found))


def _read(folder: OutputFolder, path: Path, before: Entry | None, number: int) -> Entry | None:
    """What a file tells, with what only the old history knew of it."""
    entry = entry_from_file(path, number, folder.inside(path))
    if entry is None or before is None:
        return entry or before
    return replace(entry, run=before.run, created=before.created or entry.created)


def _number(path: Path) -> int | None:
    match = _NUMBER.match(path.name)
    return int(match[1]) if match else None


def _give_numbers(folder: OutputFolder, paths: list[Path], entries: dict[int, Entry]) -> None:
    """Numbers for images whose names say none, in the order of their names, beyond all that are taken."""
    number = max([*entries, *folder.history.numbers()], default=0)
    for path in paths:
        entry = entry_from_file(path, number + 1, folder.inside(path))
        if entry is not None:
            number += 1
            entries[number] = entry


def _inputs_again(folder: OutputFolder, entries: Iterable[Entry]) -> None:
    for entry in entries:
        for parent in entry.parents:
            kept = folder.find_input(parent.sha256)
            if kept is not None:
                folder.history.add_input(parent.name, parent.sha256, kept.suffix)


# -- what the user said ----------------------------------------------------------------------------------------------


def tag(folder: OutputFolder, number: int, name: str, *, on: bool) -> None:
    """Give an image a tag or take it away, in the history and in the journal."""
    folder.history.tag(number, name, on=on)
    _note(folder, {"number": number, "tag": name, "on": on})


def rate(folder: OutputFolder, number: int, rating: int) -> None:
    """Rate an image, 1 to 5; 0 takes the rating away."""
    folder.history.rate(number, rating or None)
    _note(folder, {"number": number, "rating": rating})


def _note(folder: OutputFolder, what: dict[str, object]) -> None:
    append_line(folder.state_folder / JOURNAL, f"{json.dumps(what)}\n")


def _marks_again(folder: OutputFolder) -> None:
    """Ratings and tags from the journal; a line of it that cannot be read costs itself alone."""
    try:
        lines = (folder.state_folder / JOURNAL).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        hint = "move it away: the images themselves need it not"
        raise OutputError(f"{folder.state_folder / JOURNAL} cannot be read: {error}", hint=hint) from None
    for line in lines:
        try:
            said = json.loads(line)
            number = int(said["number"])
            if "tag" in said:
                folder.history.tag(number, str(said["tag"]), on=bool(said["on"]))
            else:
                folder.history.rate(number, float(said["rating"]) or None)
        except (ValueError, KeyError, TypeError):
            continue
