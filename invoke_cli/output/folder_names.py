"""The names in an output folder, read fast enough for hundreds of thousands of images."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Names do not contain a slash, so that one search through all names, joined by slashes, finds the numbered images.
_NUMBERED = re.compile(r"(?<=/)(([0-9]{6,9})\.[^/]*\.png)(?=/)")


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderNames:
    """The names in a folder.

    Attributes:
        numbered: The numbered images by number. Of a line's images, which share one, the first has it.
        others: The names that are not those of PNG files.
    """

    numbered: Mapping[int, str]
    others: Sequence[str]


def read_folder_names(folder: Path) -> FolderNames:
    """Return the names in a folder; none if it does not exist."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - objects for so many paths take seconds
    except FileNotFoundError:
        names = []
    found = _NUMBERED.findall(f"/{'/'.join(names)}/")
    numbered = {int(number): name for name, number in found}
    if len(numbered) < len(found):
        numbered = {int(number): name for name, number in sorted(found, reverse=True)}
    return FolderNames(numbered=numbered, others=[name for name in names if not name.endswith(".png")])


def partial_files(folder: Path, others: Sequence[str]) -> Iterator[Path]:
    """Yield the partial files of an output folder and of the folders in it: for its state, inputs, prompts and steps.

    Args:
        folder: The folder.
        others: The names in it that are not those of PNG files.
    """
    yield from (folder / name for name in others if name.startswith(".") and name.endswith(".part"))
    inner = [folder / name for name in others if not name.startswith(".")]
    for each in (folder / ".invoke", folder / ".invoke" / "inputs", *filter(Path.is_dir, inner)):
        yield from each.glob(".*.part")
    for depth in ("*", "*/*"):  # the steps of an image, and those of each stage of a chain
        yield from (folder / "intermediates").glob(f"{depth}/.*.part")
