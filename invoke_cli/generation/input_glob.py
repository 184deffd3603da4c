"""Several init images in one line: a glob pattern or a folder stands for its images, in natural order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expand_path, is_folder, path_exists
from invoke_cli.errors import ImageError, InvokeError
from invoke_cli.events import Failed
from invoke_cli.generation.resolved_line import ResolvedLine
from invoke_cli.generation.run import Run
from invoke_cli.generation.save import check_only_image
from invoke_cli.inputs.url import is_url
from invoke_cli.language.image_names import IMAGE_SUFFIXES, natural_key
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.names import named_by_source
from invoke_cli.output.numbering import Numbering
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


def runs_of_inputs(
    context: SessionContext, line: ResolvedLine, files: Sequence[Path], runs_of: Callable[[ResolvedLine], Iterator[Run]]
) -> Iterator[Run]:
    """Yield the runs of a line for each file, with one seed for all if it gives none; a bad file fails alone.

    The names of the results contain those of their sources, unless the user has chosen names.
    """
    check_only_image(line.request.outdir, len(files), "init_image")
    seeds = line.request.seeds or (context.random_seed(),)
    names = line.typed.name_format
    if len(files) > 1 and line.first.effective.sources.get("name_format") == PROGRAM and not line.request.private:
        names = named_by_source(line.request.name_format or "")
    failed: set[Path] = set()
    for path in files:
        context.check_stopped()
        request = replace(line.typed, init_image=str(path), seeds=seeds, name_format=names)
        try:
            for run in runs_of(line.with_request(context, request)):
                yield _InputRun(run, path, failed)
        except ImageError as error:
            failed.add(path)
            context.emit(Failed(error=error))
    yield _FailureRun(failed, len(files))


class _InputRun:
    """A run for one file; an error of the image does not end the others."""

    def __init__(self, run: Run, path: Path, failed: set[Path]) -> None:
        self._run, self._path, self._failed = run, path, failed
        self.needs_earlier = run.needs_earlier

    @property
    def saved(self) -> Sequence[SavedImage]:
        """The images that it has saved."""
        return self._run.saved

    def reserve(self, numbering: Numbering) -> None:
        """Reserve the numbers of its images."""
        self._run.reserve(numbering)

    def run(self, context: SessionContext) -> None:
        """Generate its images; report an error of the image."""
        try:
            self._run.run(context)
        except ImageError as error:
            self._failed.add(self._path)
            context.emit(Failed(error=error))


class _FailureRun:
    """Fails, after the runs of all files, if some could not be used."""

    needs_earlier = True
    saved: Sequence[SavedImage] = ()

    def __init__(self, failed: set[Path], count: int) -> None:
        self._failed, self._count = failed, count

    def reserve(self, numbering: Numbering) -> None:
        """Reserve nothing."""

    def run(self, context: SessionContext) -> None:  # noqa: ARG002
        """Raise InvokeError if some files could not be used."""
        if self._failed:
            message = f"{len(self._failed)} of {self._count} images could not be used"
            raise InvokeError(message, hint="see the errors above")


def _list_images(paths: Iterator[Path], reference: str) -> list[Path]:
    files = sorted(
        (path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES), key=lambda path: natural_key(path.name)
    )
    if not files:
        raise ImageError(f"no images in {reference}", hint="check the pattern", field="init_image")
    return files
