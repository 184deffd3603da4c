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
from invoke_cli.generation.save import check_only_image
from invoke_cli.inputs.url import is_url
from invoke_cli.language.image_names import IMAGE_SUFFIXES, natural_key
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.names import named_by_source
from invoke_cli.output.writer import SavedImage
from invoke_cli.planning.make_plan import PROGRAM

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
    """Run a line once for each file, with one seed for all if it gives none; a bad file fails alone.

    The names of the results contain those of their sources, unless the user has chosen names.
    """
    check_only_image(line.request.outdir, len(files), "init_image")
    seeds = line.request.seeds or (context.random_seed(),)
    names = line.typed.name_format
    if len(files) > 1 and line.first.effective.sources.get("name_format") == PROGRAM and not line.request.private:
        names = named_by_source(line.request.name_format or "")
    saved: list[SavedImage] = []
    failed = 0
    for path in files:
        context.check_stopped()
        request = replace(line.typed, init_image=str(path), seeds=seeds, name_format=names)
        try:
            saved += run(line.with_request(context, request))
        except ImageError as error:
            failed += 1
            context.emit(Failed(error=error))
    if failed:
        raise InvokeError(f"{failed} of {len(files)} images could not be used", hint="see the errors above")
    return saved


def _list_images(paths: Iterator[Path], reference: str) -> list[Path]:
    files = sorted(
        (path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES), key=lambda path: natural_key(path.name)
    )
    if not files:
        raise ImageError(f"no images in {reference}", hint="check the pattern", field="init_image")
    return files
