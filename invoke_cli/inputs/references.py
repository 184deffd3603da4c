"""Resolve references to images: a path, `@last`, `-1`, `17`, `!17` or the start of a name.

The order is fixed: an existing path, outputs/path, `@last` and numbers, the start of a name, the name of an input that
was used before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

from invoke_cli.context.paths import expand_path, is_folder, is_link, path_exists
from invoke_cli.errors import ImageError, blame
from invoke_cli.imaging.open_image import OpenedImage, open_path
from invoke_cli.input_files import has_no_name
from invoke_cli.inputs.url import is_url
from invoke_cli.language.grammar.names import nearest
from invoke_cli.language.grammar.pasted_paths import may_be_pasted
from invoke_cli.language.image_names import IMAGE_SUFFIXES
from invoke_cli.output.entries import UNLISTED, Entry
from invoke_cli.output.folder import OutputFolder

_LAST = re.compile(r"@last(\d*)|-(\d+)")
_NUMBER = re.compile(r"!(\d{1,9})")
_PLAIN_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_STEP = re.compile(r"(.+):(\d{1,4})")
_MAX_SHOWN = 5
_MAX_LISTED = 2_000


def find_image(reference: str, folder: OutputFolder, *, field: str | None = None) -> Path:
    """Return the file that a reference resolves to. Raises ImageError if there is none, or several."""
    with blame(field):
        return _find(reference, folder)


def find_entry(reference: str, folder: OutputFolder) -> Entry:
    """Return the image of the history that a reference resolves to; its file may be missing.

    Raises:
        ImageError: There is none, or several, or the file is not in the history.
    """
    if (entry := _numbered_entry(reference, folder)) is not None:
        return listed(entry)
    entry = folder.entry_of(_find(reference, folder))
    if entry is None:
        hint = "!history lists the images; !reindex adds those in the folder"
        raise ImageError(f"{reference[:100]} is not in the history of {folder.path}", hint=hint)
    return entry


def listed(entry: Entry) -> Entry:
    """Return the image. Raises ImageError for one that no history lists, since it was written to a file by -o."""
    if entry.number == UNLISTED:
        raise ImageError(f"{entry.path} is in no history: -o named the file", hint="use its path where one is possible")
    return entry


def split_step(reference: str) -> tuple[str, int] | None:
    """Split a reference with a step (`@last:4`, `!17:4`, `000017:4`) into image and step; None for other references."""
    match = _STEP.fullmatch(reference)
    return (match[1], int(match[2])) if match is not None and not path_exists(expand_path(reference)) else None


def _names_an_image(reference: str, folder: OutputFolder) -> bool:
    try:
        _find(reference, folder)
    except ImageError:
        return False
    return True


def is_recall(reference: str) -> bool:
    """Return whether a reference counts back from the last result: `@last`, `@last2`, `-1`."""
    return _LAST.fullmatch(reference) is not None


def stable_reference(reference: str | None, name: str, folder: OutputFolder) -> str:
    """Return the reference for lines: the name of an image in the output folder, a path to another as typed.

    It is the name, too, if the reference is no path to the image (`@last`).
    """
    if reference is None:
        return name
    path = expand_path(reference)
    if not _leads_to(path, name) or (path.resolve() == (folder.path / name).resolve() and not Path(name).exists()):
        return name
    return str(path) if may_be_pasted(reference) and not path_exists(Path(reference)) else reference


def _leads_to(path: Path, name: str) -> bool:
    return path_exists(path) and not has_no_name(path) and path.name == name


def open_found(
    path: Path, reference: str, folder: OutputFolder, check_stopped: Callable[[], None] = lambda: None
) -> OpenedImage:
    """Open the file that a reference resolves to; `check_stopped` raises to stop waiting for a pipe.

    A stored input has the name that it was used under, not its hash.
    """
    opened = open_path(path, check_stopped)
    if path.parent.resolve() != folder.inputs.resolve():
        return opened
    typed = Path(reference).name
    is_name = typed != path.name and not is_url(reference)
    return replace(opened, name=typed if is_name else folder.history.input_name(path.stem) or path.name)


def _find(reference: str, folder: OutputFolder) -> Path:
    path = expand_path(reference)
    for candidate in (path, folder.path / path):
        if path_exists(candidate):
            return candidate
    if is_url(reference):
        raise ImageError("URLs are accepted only by -I, -M and --control", hint="use a file here")
    if (entry := _numbered_entry(reference, folder)) is not None:
        return _entry_path(entry, folder)
    if (step := split_step(reference)) is not None and _names_an_image(step[0], folder):
        hint = f"-I {reference} resumes from it; {step[0]} is the image"
        raise ImageError(f"{reference} is a step of an image, but an image is needed", hint=hint)
    return _by_name(reference, folder)


def _numbered_entry(reference: str, folder: OutputFolder) -> Entry | None:
    """Return the image with this number, or this far back; None for other references, such as the start of a name.

    Raises:
        ImageError: There is no such image.
    """
    if (match := _LAST.fullmatch(reference)) is not None:
        back = int((match[1] or match[2] or "1")[:9])
        entry = folder.last(back) if back else None
    elif (match := _NUMBER.fullmatch(reference)) is not None:
        entry = folder.history.get(int(match[1]))
    elif _PLAIN_NUMBER.fullmatch(reference) is not None:
        entry = folder.history.get(int(reference))
        if entry is None and folder.starting_with(reference):
            return None
    else:
        return None
    if entry is None:
        raise ImageError(f"{folder.path} has no image {reference.lstrip('!')}", hint="!history lists the images")
    return entry


def _entry_path(entry: Entry, folder: OutputFolder) -> Path:
    path = folder.path_of(entry)
    if not path.exists():
        raise ImageError(f"image {entry.number} is missing: {path}", hint="it was moved or deleted")
    return path


def _by_name(reference: str, folder: OutputFolder) -> Path:
    found = folder.starting_with(reference) if "/" not in reference else []
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found[:_MAX_SHOWN]) + (" …" if len(found) > _MAX_SHOWN else "")
        raise ImageError(f"{reference} is ambiguous: {names}", hint="type more of the name")
    used_input = folder.find_input_by_name(Path(reference).name)
    if used_input is not None:
        return used_input
    raise _missing(reference)


def _missing(reference: str) -> ImageError:
    """Return the error for a name that no image has; it says how far the path leads."""
    path, shown = expand_path(reference), reference[:100]
    if is_link(path):
        return ImageError(f"{shown} is a link to {path.readlink()}, which does not exist", hint="restore its target")
    folder = path.parent
    if "/" in reference and not is_folder(folder):
        problem = "is not a folder" if path_exists(folder) else "does not exist"
        return ImageError(f"there is no image {shown}: {folder} {problem}", hint="check the path")
    names = {Path(name).stem: name for name in _names_in(folder)}
    if similar := nearest(path.stem, names):
        return ImageError(f"there is no image {shown}", hint=f"did you mean {path.with_name(names[similar])}?")
    hint = "check the name; @last is the last result, 17 or !17 is image 17"
    return ImageError(f"there is no image {shown}", hint=hint)


def _names_in(folder: Path) -> list[str]:
    """Return the names of the first images in a folder."""
    try:
        names = (entry.name for entry in islice(folder.iterdir(), _MAX_LISTED))
        return [name for name in names if name.lower().endswith(IMAGE_SUFFIXES)]
    except OSError:
        return []
