"""The runs of a line: what is generated for each variant of its prompts and each of its init images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Protocol

from invoke_cli.context.context import SessionContext
from invoke_cli.context.lanes import in_lanes
from invoke_cli.generation.save import save_grid
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.numbering import Numbering
from invoke_cli.output.writer import SavedImage, Target
from invoke_cli.request import GenerationRequest


class Run(Protocol):
    """A prepared part of a line.

    Attributes:
        needs_earlier: Whether it can only run after all runs before it.
    """

    needs_earlier: bool

    @property
    def saved(self) -> Sequence[SavedImage]:
        """The images that it has saved."""

    def reserve(self, numbering: Numbering) -> None:
        """Reserve the numbers of its images."""

    def run(self, context: SessionContext) -> None:
        """Generate its images, and report to this context."""


class GridRun:
    """Saves the grid of the images of earlier runs, if there are several."""

    needs_earlier = True
    saved: Sequence[SavedImage] = ()

    def __init__(self, runs: Sequence[Run], folder: OutputFolder, request: GenerationRequest) -> None:
        self._runs, self._folder, self._is_private = runs, folder, bool(request.private)
        self._numbers: Iterator[int] = iter(())

    def reserve(self, numbering: Numbering) -> None:
        """Reserve the number of the grid."""
        self._numbers = iter(numbering.reserve(self._folder, 1))

    def run(self, context: SessionContext) -> None:
        """Save the grid."""
        images = [image for run in self._runs for image in run.saved]
        if len(images) > 1:
            target = Target(folder=self._folder, numbers=self._numbers, in_order=context.in_order)
            save_grid(context, target, images, private=self._is_private)


class PreparedRuns:
    """The runs of a line. Where results are numbered in advance, all are prepared at once, otherwise one by one.

    Args:
        context: The context of the line.
        runs: The runs.
    """

    def __init__(self, context: SessionContext, runs: Iterator[Run]) -> None:
        self._context = context
        self._runs: Iterable[Run] = runs
        if context.numbering is not None:
            self._runs = list(runs)
            for run in self._runs:
                run.reserve(context.numbering)

    def run(self) -> list[SavedImage]:
        """Run them, several at the same time if the context is wide enough; return the saved images in order."""
        begun: list[Run] = []
        if self._context.width == 1:
            for each in self._runs:
                begun.append(each)
                each.run(self._context)
        else:
            begun = list(self._runs)
            for group in _groups(begun):
                for _ in in_lanes(self._context, map(_task, group)):
                    pass
        return [image for run in begun for image in run.saved]


def _groups(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Yield the runs that can run at the same time, group by group."""
    group: list[Run] = []
    for run in runs:
        if run.needs_earlier:
            yield group
            group = []
        group.append(run)
    yield group


def _task(run: Run) -> Callable[[SessionContext], Callable[[], None]]:
    return lambda context: partial(run.run, context)
