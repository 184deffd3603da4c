"""Run sweeps: generate each cell as ordinary images, and record finished cells so that a sweep can resume.

A cell is identified by what it generates: cells whose settings are the same share their images. The grid, the table,
the page and the progress all follow the same list of cells.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from invoke_cli.context.context import SessionContext
from invoke_cli.context.lanes import in_lanes
from invoke_cli.context.paths import expand_path, names_a_file, path_exists
from invoke_cli.engine import Model
from invoke_cli.errors import ImageError, InvokeError, LineError, Span
from invoke_cli.events import Failed
from invoke_cli.exploration.sweep_progress import SweepProgress
from invoke_cli.exploration.sweep_sources import SweepSources
from invoke_cli.generation.chain import prepare_line
from invoke_cli.generation.line import prepare_runs
from invoke_cli.generation.resolved_line import resolve_line
from invoke_cli.language.grammar.axes import EXAMPLE, Sweep, parse_sweep, with_switches
from invoke_cli.language.grammar.line import Generation, Stage, parse
from invoke_cli.models.samplers import find_sampler
from invoke_cli.output.entries import Entry
from invoke_cli.output.files import check_space
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.items import line_item
from invoke_cli.output.writer import SavedImage
from invoke_cli.planning.chain import link_stages
from invoke_cli.planning.disk_space import expected_bytes
from invoke_cli.replay.resume import resume_from_latents
from invoke_cli.request import GenerationRequest

Cell = tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepImage:
    """An image of a cell.

    Attributes:
        cell: The cell.
        part: What distinguishes it from the other images of its cell; empty if there are none.
        number: The number of the result.
        path: The file.
        name: The path of the file, relative to the output folder.
        line: The line that reproduces the result.
        sha256: The hash of the file; empty for the image of a stage.
    """

    cell: Cell
    part: str
    number: int
    path: Path
    name: str
    line: str
    sha256: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepResult:
    """A finished sweep.

    Attributes:
        sweep: The line and its axes.
        images: The images of all cells, in display order.
        failures: The messages of the cells whose init image could not be used.
        folder: The output folder.
        private: Whether files must not contain prompts.
    """

    sweep: Sweep
    images: tuple[SweepImage, ...]
    failures: Mapping[Cell, str]
    folder: OutputFolder
    private: bool

    def images_of(self, cell: Cell) -> list[SweepImage]:
        """Return the images of a cell; none if it failed."""
        return [image for image in self.images if image.cell == cell]

    def label_of(self, image: SweepImage) -> str:
        """Return the values of an image's cell, and what distinguishes it within the cell."""
        return ", ".join(self.labels_of(image, slice(None)))

    def labels_of(self, image: SweepImage, axes: slice) -> list[str]:
        """Return the values of an image's cell on some axes, and what distinguishes it within the cell."""
        return [*self.sweep.labels_of(image.cell, axes), *([image.part] if image.part else [])]


def run_sweep(context: SessionContext, line: str) -> SweepResult | None:
    """Generate all cells except those that an interrupted run of the same line has finished; None for a dry run."""
    run = _SweepRun(context, line)
    if run.request.dry_run:
        lines = [run.sweep.line_of(cell) for cell in run.sweep.cells]
        context.say("\n".join(lines), items=map(line_item, lines))
        return None
    return run.result()


class _SweepRun:
    """One sweep: all values are looked up, and all cells are checked, before the first image is generated."""

    def __init__(self, context: SessionContext, line: str) -> None:
        self.context = context
        typed = parse_sweep(line)
        first = context.settings.resolve(link_stages(cell_stages(typed, typed.cells[0]))[0])
        self.request = first.request
        folder = _folder(context, self.request)
        self.progress = SweepProgress(folder, hashlib.sha256(f"{line}\n{self.request}".encode()).hexdigest())
        sources = SweepSources(context=context, first=first, recalls=dict(self.progress.recalls))
        self.seed = self.progress.seed if self.progress.seed is not None else context.random_seed()
        added = sources.added_switches(self.seed)
        self.sweep = parse_sweep(with_switches(line, added) if added else line, sources.axis_sources)
        self.recalls = sources.recalls
        if len(self.sweep.cells) < 2 and not (sources.is_varied and (self.request.num_images or 1) > 1):
            message = "a sweep needs a list, a range, alternatives or several images"
            raise LineError(message, hint=EXAMPLE, span=Span(0, len(line))).located(line)
        self.stages = {cell: cell_stages(self.sweep, cell) for cell in self.sweep.cells}
        self.identities = {cell: _identity(context, stages, first.model) for cell, stages in self.stages.items()}

    def result(self) -> SweepResult:
        """Generate what is missing."""
        self.progress.begin(self.seed, self.recalls)
        failures = self._generate()
        if not failures:
            self.progress.delete()
        images = [image for cell in self.sweep.cells for image in self._images(cell)]
        return SweepResult(
            sweep=self.sweep, images=tuple(images), failures=failures, folder=self.progress.folder,
            private=bool(self.request.private),
        )  # fmt: skip

    def _generate(self) -> dict[Cell, str]:
        """Generate the missing cells, each distinct one once; return the messages of those that failed."""
        distinct: dict[str, Cell] = {}
        for cell in self.sweep.cells_by_cost:
            distinct.setdefault(self.identities[cell], cell)
        missing = {identity: cell for identity, cell in distinct.items() if identity not in self.progress.entries}
        self._report(len(distinct), len(missing))
        self._check_space(list(missing.values()))
        failed: dict[str, str] = {}
        tasks = [
            partial(self._prepared_cell, cell, f"cell {number} of {len(missing)}: {self.sweep.label_of(cell)}")
            for number, cell in enumerate(missing.values(), start=1)
        ]
        for identity, outcome in zip(missing, in_lanes(self.context, tasks), strict=True):
            if isinstance(outcome, ImageError):
                failed[identity] = outcome.message
            else:
                self.progress.add(identity, [each.number for each in outcome if each.number is not None])
        return {cell: failed[key] for cell, key in self.identities.items() if key in failed}

    def _check_space(self, cells: Sequence[Cell]) -> None:
        """Raise OutputError if the images of all cells, each about as large as the first, do not fit on the disk."""
        for cell in cells[:1]:
            try:
                prepared = prepare_line(self.context, resolve_line(self.context, self.stages[cell]))
            except InvokeError:
                return  # reported for the cell; one with alternatives has no plan of its own
            plans = [stage.plan for stage in (prepared, *prepared.later)]
            check_space(self.progress.folder.path, len(cells) * expected_bytes(plans))

    def _prepared_cell(
        self, cell: Cell, notice: str, context: SessionContext
    ) -> Callable[[], list[SavedImage] | ImageError]:
        """Prepare a cell; the result generates it, and returns its images or what is wrong with its init image."""
        context.check_stopped()
        context.notice(notice)
        try:
            runs = prepare_runs(context, self.stages[cell], resume_from_latents)
        except ImageError as error:
            return partial(_reported, context, error)

        def work() -> list[SavedImage] | ImageError:
            try:
                return runs.run()
            except ImageError as error:
                return _reported(context, error)

        return work

    def _report(self, distinct: int, missing: int) -> None:
        cells = len(self.sweep.cells)
        if distinct < cells:
            self.context.notice(f"{cells - distinct} of {cells} cells repeat others: their images are generated once")
        if missing < distinct:
            self.context.notice(f"resuming the sweep: {missing} of {distinct} cells remain")

    def _images(self, cell: Cell) -> Iterator[SweepImage]:
        """Yield the images of a cell, each after those of its earlier stages."""
        entries = self.progress.entries.get(self.identities[cell], ())
        for position, entry in enumerate(entries, start=1):
            part = f"image {position} of {len(entries)}" if len(entries) > 1 else ""
            path = self.progress.folder.path_of(entry)
            for stage in sorted(path.parent.glob(f"{glob.escape(path.stem)}.stage-*.png")):
                yield self._image(cell, entry, stage, f"{part} stage {stage.stem.rpartition('-')[2]}".strip())
            yield self._image(cell, entry, path, part)

    def _image(self, cell: Cell, entry: Entry, path: Path, part: str) -> SweepImage:
        folder = self.progress.folder
        name = folder.relative_name(path)
        is_result = path == folder.path_of(entry)
        return SweepImage(
            cell=cell, part=part, number=entry.number, path=path, name=name, line=entry.line,
            sha256=entry.sha256 if is_result else "",
        )  # fmt: skip


def _reported(context: SessionContext, error: ImageError) -> ImageError:
    context.emit(Failed(error=error))
    return error


def _folder(context: SessionContext, request: GenerationRequest) -> OutputFolder:
    outdir = request.outdir or ""
    if names_a_file(outdir):
        raise LineError("a sweep writes several files", hint="use -o with a folder", field="outdir")
    return context.target(outdir).folder


def cell_stages(sweep: Sweep, cell: Cell) -> tuple[Stage, ...]:
    """Return the stages of a cell. Its images are in the grid of the sweep, so it saves none of its own."""
    parsed = parse(sweep.line_of(cell))
    if not isinstance(parsed, Generation):
        raise LineError("!sweep takes a line that generates images", hint=EXAMPLE)
    return tuple(replace(stage, request=replace(stage.request, grid=False)) for stage in parsed.stages)


def _identity(context: SessionContext, stages: Sequence[Stage], known: Model) -> str:
    """Return a hash of the settings of a cell. Raises InvokeError if its model or its sampler is unknown."""
    first = context.settings.resolve(stages[0].request, known)
    requests = [_normalised(first.request, first.model.spec.name)]
    for stage in stages[1:]:
        name = stage.request.model and context.settings.model(stage.request.model).spec.name
        requests.append(_normalised(stage.request, name))
    return hashlib.sha256(repr(requests).encode("utf-8", "surrogatepass")).hexdigest()


def _normalised(request: GenerationRequest, model: str | None) -> GenerationRequest:
    """Return a request in which all names of the same sampler, model or file are equal."""
    scheduler, init = request.scheduler, request.init_image
    path = expand_path(init) if init else None
    return replace(
        request,
        scheduler=find_sampler(scheduler).name if scheduler else None,
        model=model,
        init_image=str(path.resolve()) if path is not None and path_exists(path) else init,
    )


def failure_error(result: SweepResult) -> InvokeError:
    """Return the error for a sweep of which some cells failed."""
    count, total = len(result.failures), len(result.sweep.cells)
    hint = "see the errors above; the same line again generates only these"
    return InvokeError(f"{count} of {total} cells could not be generated", hint=hint)
