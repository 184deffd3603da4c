"""References to images: what `-I` and the commands mean by a path, `@last`, `!17` or the start of a name.

The order is fixed: an existing path, outputs/path, a recall, the start of a name, the name of an input used before.
"""

from __future__ import annotations

import re
from pathlib import Path

from invoke_cli.context.paths import expanded, is_there
from invoke_cli.errors import ImageError, blame
from invoke_cli.inputs.url import is_url
from invoke_cli.output.entries import Entry
from invoke_cli.output.folder import OutputFolder

_LAST = re.compile(r"@last(\d*)|-(\d+)")
_NUMBER = re.compile(r"!(\d+)")
_STEP = re.compile(r"(.+):(\d{1,4})")
_MOST_SHOWN = 5


def find_image(reference: str, folder: OutputFolder, *, field: str | None = None) -> Path:
    """The file that a reference means; ImageError says why there is none, or which it could be."""
    with blame(field):
        return _find(reference, folder)


def split_step(reference: str) -> tuple[str, int] | None:
    """The image and the step that `@last:4`, `!17:4` or `000017:4` mean; None for another reference."""
    match = _STEP.fullmatch(reference)
    return (match[1], int(match[2])) if match is not None and not is_there(expanded(reference)) else None


def _names_an_image(reference: str, folder: OutputFolder) -> bool:
    try:
        _find(reference, folder)
    except ImageError:
        return False
    return True


def is_recall(reference: str) -> bool:
    """Whether a reference counts back from the last result: `@last`, `@last2`, `-1`."""
    return _LAST.fullmatch(reference) is not None


def stable_reference(reference: str | None, name: str) -> str:
    """How an echoed line refers to an image: as it was typed, but a recall by the name of what it meant."""
    return reference if reference is not None and is_there(expanded(reference)) else name


def _find(reference: str, folder: OutputFolder) -> Path:
    path = expanded(reference)
    for candidate in (path, folder.path / path):
        if is_there(candidate):
            return candidate
    if is_url(reference):
        raise ImageError("an address on the web can stand after -I, -M and --control", hint="name a file here")
    if (match := _LAST.fullmatch(reference)) is not None:
        return _entry_path(_last(folder, int(match[1] or match[2] or 1), reference), folder)
    if (match := _NUMBER.fullmatch(reference)) is not None:
        return _entry_path(_numbered(folder, int(match[1])), folder)
    if (step := split_step(reference)) is not None and _names_an_image(step[0], folder):
        hint = f"-I {reference} goes on from it; {step[0]} is the picture"
        raise ImageError(f"{reference} is a step of an image, where a picture is wanted", hint=hint)
    return _by_name(reference, folder)


def _last(folder: OutputFolder, back: int, reference: str) -> Entry:
    entry = folder.history.last(back) if back else None
    if entry is None:
        raise ImageError(f"there is no earlier image {reference} in {folder.path}", hint="!history lists them")
    return entry


def _numbered(folder: OutputFolder, number: int) -> Entry:
    entry = folder.history.get(number)
    if entry is None:
        raise ImageError(f"there is no image number {number} in {folder.path}", hint="!history lists them")
    return entry


def _entry_path(entry: Entry, folder: OutputFolder) -> Path:
    path = folder.path_of(entry)
    if not path.exists():
        raise ImageError(f"image {entry.number} is gone: {path}", hint="it was moved or deleted")
    return path


def _by_name(reference: str, folder: OutputFolder) -> Path:
    found = folder.starting_with(reference) if "/" not in reference else []
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found[:_MOST_SHOWN]) + (" …" if len(found) > _MOST_SHOWN else "")
        raise ImageError(f"{reference} could be any of {names}", hint="write more of the name")
    kept = folder.input_named(Path(reference).name)
    if kept is not None:
        return kept
    hint = "check the name (Tab completes it); @last is the last result, !17 the image number 17"
    raise ImageError(f"there is no image {reference[:100]}", hint=hint)
