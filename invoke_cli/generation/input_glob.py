"""Several init images in one line: a pattern or a folder stands for each picture in it, in natural order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expanded, is_folder, is_there
from invoke_cli.errors import ImageError, InvokeError
from invoke_cli.events import Failed
from invoke_cli.inputs.url import is_url
from invoke_cli.language.grammar.line import Stage
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.writer import SavedImage

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
_PATTERN = re.compile(r"[*?\[]")

Draw = Callable[[Sequence[Stage]], list[SavedImage]]


def init_files(reference: str | None, folder: OutputFolder) -> list[Path] | None:
    """The pictures that a pattern or a folder stands for; None for a reference to a single one."""
    if reference is None:
        return None
    for path in (expanded(reference), folder.path / expanded(reference)):
        if is_folder(path):
            return _found(path.iterdir(), reference)
        if is_there(path):
            return None
    if not _PATTERN.search(reference) or is_url(reference):
        return None
    path = expanded(reference)
    return _found(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor))), reference)


def generate_each_input(
    context: SessionContext, stages: Sequence[Stage], files: Sequence[Path], draw: Draw
) -> list[SavedImage]:
    """Draw the line once for each file, with one seed for all unless it says others; a bad file costs itself alone."""
    first = stages[0].request
    seeds = first.seeds or (context.draw_seed(),)
    saved: list[SavedImage] = []
    failed = 0
    for path in files:
        context.check_stopped()
        request = replace(first, init_image=str(path), seeds=seeds)
        try:
            saved += draw([replace(stages[0], request=request), *stages[1:]])
        except ImageError as error:
            failed += 1
            context.emit(Failed(error=error))
    if failed:
        raise InvokeError(f"{failed} of {len(files)} pictures could not be used", hint="the reasons stand above")
    return saved


def natural(path: Path) -> tuple[tuple[int, str], ...]:
    """A key that sorts names as people count: 2 before 10."""
    parts = re.findall(r"\d+|\D+", path.name.casefold())
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts)


def _found(paths: Iterator[Path], reference: str) -> list[Path]:
    files = sorted((path for path in paths if path.suffix.lower() in SUFFIXES), key=natural)
    if not files:
        raise ImageError(f"there are no pictures in {reference}", hint="check the pattern", field="init_image")
    return files
