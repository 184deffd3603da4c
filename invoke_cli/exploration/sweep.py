"""Run sweeps: generate each cell as an ordinary image, and record finished cells so that a sweep can resume.

The progress of a sweep is a JSON Lines file in the output folder: first the seed, then the cell and number of each
finished image.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import names_a_file
from invoke_cli.errors import LineError
from invoke_cli.generation.line import generate
from invoke_cli.language.grammar.axes import Sweep, parse_sweep, with_seed
from invoke_cli.language.grammar.line import Generation, Stage, parse
from invoke_cli.output.entries import Entry
from invoke_cli.output.files import append_line
from invoke_cli.output.folder import OutputFolder
from invoke_cli.replay.resume import resume_from_latents

Cell = tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepResult:
    """A finished sweep: the image of each cell, and their folder."""

    sweep: Sweep
    images: Mapping[Cell, Entry]
    folder: OutputFolder
    private: bool


def _check_cells(context: SessionContext, sweep: Sweep) -> None:
    """Raise the error of any cell, before generating the first one."""
    for cell in sweep.cells:
        for stage in _stages(sweep, cell):
            context.settings.resolve(stage.request)


def run_sweep(context: SessionContext, line: str) -> SweepResult | None:
    """Generate all cells except those that an interrupted run of the same line has finished; None for a dry run."""
    first = _stages(parse_sweep(line), parse_sweep(line).cells[0])[0]
    effective = context.settings.resolve(first.request).effective.request
    if effective.dry_run:
        context.say("\n".join(parse_sweep(line).line_of(cell) for cell in parse_sweep(line).cells))
        return None
    progress = _Progress(
        _folder(context, effective.outdir or ""), hashlib.sha256(f"{line}\n{effective}".encode()).hexdigest()
    )
    seed = progress.seed if progress.seed is not None else context.random_seed()
    sweep = parse_sweep(line if effective.seeds else with_seed(line, seed))
    _check_cells(context, sweep)
    progress.begin(seed)
    cells = [cell for cell in sweep.cells_by_cost if cell not in progress.images]
    if len(cells) < len(sweep.cells):
        context.notice(f"resuming the sweep: {len(cells)} of {len(sweep.cells)} cells remain")
    for number, cell in enumerate(cells, start=1):
        context.check_stopped()
        context.notice(f"cell {number} of {len(cells)}: {sweep.label_of(cell)}")
        saved = generate(context, _stages(sweep, cell), resume_from_latents)
        assert saved[0].number is not None
        progress.add(cell, saved[0].number)
    progress.delete()
    return SweepResult(sweep=sweep, images=progress.images, folder=progress.folder, private=bool(effective.private))


def _folder(context: SessionContext, outdir: str) -> OutputFolder:
    if names_a_file(outdir):
        raise LineError("a sweep writes several files", hint="use -o with a folder", field="outdir")
    return context.target(outdir).folder


def _stages(sweep: Sweep, cell: Cell) -> tuple[Stage, ...]:
    parsed = parse(sweep.line_of(cell))
    if not isinstance(parsed, Generation):
        raise LineError("!sweep takes a line that generates images", hint="!sweep a castle -f .3,.5,.8")
    return parsed.stages


class _Progress:
    """The progress of an unfinished sweep, without unreadable lines and missing images."""

    def __init__(self, folder: OutputFolder, key: str) -> None:
        self.folder = folder
        self._path: Path = self.folder.state_folder / "sweeps" / f"{key[:32]}.jsonl"
        self.seed: int | None = None
        self.images: dict[Cell, Entry] = {}
        for record in self._records():
            if isinstance(record.get("seed"), int):
                self.seed = record["seed"]
            elif isinstance(record.get("cell"), list) and isinstance(record.get("number"), int):
                self._add_image(tuple(record["cell"]), record["number"])

    def _records(self) -> list[dict[str, Any]]:
        try:
            texts = self._path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []
        records = []
        for text in texts:
            try:
                record = json.loads(text)
            except ValueError:
                continue
            if isinstance(record, dict):
                records.append(record)
        return records

    def _add_image(self, cell: Cell, number: int) -> None:
        entry = self.folder.history.get(number)
        if entry is not None and self.folder.path_of(entry).is_file():
            self.images[cell] = entry

    def begin(self, seed: int) -> None:
        """Record the seed, so that cells generated later use the same."""
        if self.seed is None:
            append_line(self._path, f"{json.dumps({'seed': seed})}\n")

    def add(self, cell: Cell, number: int) -> None:
        """Record a finished cell."""
        append_line(self._path, f"{json.dumps({'cell': cell, 'number': number})}\n")
        self._add_image(cell, number)

    def delete(self) -> None:
        """Delete the record of a finished sweep."""
        self._path.unlink(missing_ok=True)
