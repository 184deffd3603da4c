"""Rebuild the history of a folder from its images, and ratings and tags from their journal."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from invoke_cli.documents import parse_json
from invoke_cli.errors import OutputError
from invoke_cli.input_files import STATE, read_input_text
from invoke_cli.output.entries import Entry
from invoke_cli.output.entry_processes import read_entries
from invoke_cli.output.files import append_line
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.line_images import index_of

_NUMBER = re.compile(r"(\d{6,9})\.")
_IN_LINE = re.compile(r"(?P<line>\d{6,8})\.(?P<place>[a-z]{1,2}|[1-9]\d{0,2})\.")
JOURNAL = "marks.jsonl"


def reindex(folder: OutputFolder, progress: Callable[[int, int], None]) -> int:
    """Rebuild the history. Images without metadata, or outside the folder, keep their entries in the old history.

    Args:
        folder: The output folder.
        progress: Called with the numbers of files that have been read and of all; raises Interrupted to stop.

    Returns:
        The number of images in the history.
    """
    with folder.lock():
        folder.history.set_aside_if_damaged()
        known = {entry.path: entry for entry in folder.history.all()}
        entries: dict[int, Entry] = {}
        seen: set[str] = set()
        unnumbered: list[Entry] = []
        for entry in _read(folder, known, progress):
            if entry.number and entry.number not in entries:
                entries[entry.number] = entry
            elif entry.sha256 not in seen:  # not a copy of another image
                unnumbered.append(entry)
            seen.add(entry.sha256)
        _assign_numbers(folder, unnumbered, entries)
        folder.history.rebuild(entry for _, entry in sorted(entries.items()))
        _restore_inputs(folder, entries.values())
        _restore_annotations(folder)
    return len(entries)


def _read(folder: OutputFolder, known: Mapping[str, Entry], progress: Callable[[int, int], None]) -> Iterator[Entry]:
    """Yield the entries of all files, with the number, run and time from the old history, else that of their names.

    The number is 0 if there is none.
    """
    files = [(path, folder.relative_name(path)) for path in _images(folder, known)]
    found = read_entries(files, lambda count: progress(count, len(files)))
    for (path, name), entry in zip(files, found, strict=True):
        previous = known.get(name)
        if previous is None:
            if entry is not None:
                yield replace(entry, number=_number(path) or 0)
        elif entry is None:
            yield previous
        else:
            created = previous.created or entry.created
            yield replace(entry, number=previous.number, run=previous.run, created=created)


def _images(folder: OutputFolder, known: Mapping[str, Entry]) -> Iterator[Path]:
    """Yield every PNG of the folder, top level first, then those of the old history that are stored elsewhere."""
    inner = (str(folder.state_folder), str(folder.path / "intermediates"))
    found: list[Path] = []
    for place, _, names in os.walk(folder.path):
        if not any(place == each or place.startswith(f"{each}{os.sep}") for each in inner):
            found += [Path(place, name) for name in names if name.endswith(".png")]
    paths = set(found)
    yield from sorted(found, key=lambda path: (len(path.parts), str(path)))
    yield from (path for name in known if (path := folder.path / name) not in paths and path.is_file())


def _number(path: Path) -> int | None:
    match = _NUMBER.match(path.name)
    return int(match[1]) if match else None


def _assign_numbers(folder: OutputFolder, unnumbered: Sequence[Entry], entries: dict[int, Entry]) -> None:
    """Assign a number to each image whose name has none of its own, sorted by name: of a line's images (000001.b.png)
    the one after the previous, if it is unused, else one above all used ones.
    """
    used = {*entries, *folder.history.numbers()}
    highest = max(used, default=0)
    for entry in unnumbered:
        own = _number_in_line(Path(entry.path))
        number = own if own is not None and own not in used else highest + 1
        highest = max(highest, number)
        used.add(number)
        entries[number] = replace(entry, number=number)


def _number_in_line(path: Path) -> int | None:
    """Return the number of an image that is named by the number of its line and a letter or index."""
    match = _IN_LINE.match(path.name)
    return int(match["line"]) + index_of(match["place"]) - 1 if match else None


def _restore_inputs(folder: OutputFolder, entries: Iterable[Entry]) -> None:
    for entry in entries:
        for parent in entry.parents:
            kept_input = folder.find_input(parent.sha256)
            if kept_input is not None:
                folder.history.add_input(parent.name, parent.sha256, kept_input.suffix)


# -- ratings and tags ------------------------------------------------------------------------------------------------


def tag(folder: OutputFolder, number: int, name: str, *, on: bool) -> None:
    """Add a tag to an image (`on`) or remove it, in the history and in the journal."""
    folder.history.tag(number, name, on=on)
    _append_to_journal(folder, {"number": number, "tag": name, "on": on})


def rate(folder: OutputFolder, number: int, rating: int) -> None:
    """Rate an image, 1 to 5; 0 removes the rating."""
    folder.history.rate(number, rating or None)
    _append_to_journal(folder, {"number": number, "rating": rating})


def _append_to_journal(folder: OutputFolder, annotation: dict[str, object]) -> None:
    append_line(folder.state_folder / JOURNAL, f"{json.dumps(annotation)}\n")


def _restore_annotations(folder: OutputFolder) -> None:
    """Restore ratings and tags from the journal, skipping invalid lines."""
    try:
        lines = read_input_text(folder.state_folder / JOURNAL, STATE).splitlines()
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        hint = "move it away; the images do not depend on it"
        raise OutputError(f"{folder.state_folder / JOURNAL} cannot be read: {error}", hint=hint) from None
    for line in lines:
        try:
            annotation = parse_json(line)
            number = int(annotation["number"])
            if "tag" in annotation:
                folder.history.tag(number, str(annotation["tag"]), on=bool(annotation["on"]))
            else:
                folder.history.rate(number, float(annotation["rating"]) or None)
        except (ValueError, KeyError, TypeError):
            continue
