"""Several init images in one line: a glob pattern or a folder stands for its images, in natural order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expand_path, is_folder, path_exists
from invoke_cli.errors import ImageError, InvokeError
from invoke_cli.events import Failed
from invoke_cli.generation.alternatives import RunLine
from invoke_cli.generation.resolved_line import ResolvedLine
from invoke_cli.inputs.url import is_url
from invoke_cli.language.image_names import IMAGE_SUFFIXES
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.writer import SavedImage

_PATTERN = re.compile(r"[*?\[]")


def init_files(reference: str | None, folder: OutputFolder) -> list[Path] | None:
    """Return the images that a pattern or a folder stands for; None if the reference is to a single image."""
    if reference is None:
        return None
    for path in (expand_path(reference), folder.path / expand_path(reference)):
        if is_folder(path):
            return _list_images(path.iterdir(), reference)
        if path_exists(path):
            return None
    if not _PATTERN.search(reference) or is_url(reference):
        return None
    path = expand_path(reference)
    return _list_images(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor))), reference)


def generate_each_input(
    context: SessionContext, line: ResolvedLine, files: Sequence[Path], run: RunLine
) -> list[SavedImage]:
    """Run a line once for each file, with one seed for all if it gives none; a bad file fails alone."""
    seeds = line.request.seeds or (context.random_seed(),)
    saved: list[SavedImage] = []
    failed = 0
    for path in files:
        context.check_stopped()
        request = replace(line.typed, init_image=str(path), seeds=seeds)
        try:
            saved += run(line.with_request(context, request))
        except ImageError as error:
            failed += 1
            context.emit(Failed(error=error))
    if failed:
        raise InvokeError(f"{failed} of {len(files)} images could not be used", hint="see the errors above")
    return saved


def natural_key(path: Path) -> tuple[tuple[int, str], ...]:
    """Return a sort key that orders numbers in names by value: 2 before 10."""
    parts = re.findall(r"\d+|\D+", path.name.casefold())
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts)


def _list_images(paths: Iterator[Path], reference: str) -> list[Path]:
    files = sorted((path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES), key=natural_key)
    if not files:
        raise ImageError(f"no images in {reference}", hint="check the pattern", field="init_image")
    return files
