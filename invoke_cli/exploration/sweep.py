"""Many cells of one line: drawn one by one as ordinary images, noted as they are finished, and gone on with later.

The note of an unfinished sweep is a file of JSON lines under the folder's books: first the seed, then cell and number.
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
    """A finished sweep: its image of each cell, and the folder that they are in."""

    sweep: Sweep
    images: Mapping[Cell, Entry]
    folder: OutputFolder
    private: bool


def run_sweep(context: SessionContext, line: str) -> SweepResult | None:
    """Draw all cells, but for those that an unfinished run of the same line has drawn; None for a dry run."""
    first = _stages(parse_sweep(line), parse_sweep(line).cells[0])[0]
    effective = context.settings.resolve(first.request).effective.request
    if effective.dry_run:
        context.say("\n".join(parse_sweep(line).line_of(cell) for cell in parse_sweep(line).cells))
        return None
    note = _Note(_folder(context, effective.outdir or ""), hashlib.sha256(f"{line}\n{effective}".encode()).hexdigest())
    seed = note.seed if note.seed is not None else context.draw_seed()
    sweep = parse_sweep(line if effective.seeds else with_seed(line, seed))
    for cell in sweep.cells:  # all are read before any is drawn
        for stage in _stages(sweep, cell):
            context.settings.resolve(stage.request)
    note.begin(seed)
    cells = [cell for cell in sweep.cells_by_cost if cell not in note.images]
    if len(cells) < len(sweep.cells):
        context.notice(f"going on with this sweep: {len(cells)} of {len(sweep.cells)} cells are left")
    for number, cell in enumerate(cells, start=1):
        context.check_stopped()
        context.notice(f"cell {number} of {len(cells)}: {sweep.label_of(cell)}")
        saved = generate(context, _stages(sweep, cell), resume_from_latents)
        assert saved[0].number is not None
        note.add(cell, saved[0].number)
    note.forget()
    return SweepResult(sweep=sweep, images=note.images, folder=note.folder, private=bool(effective.private))


def _folder(context: SessionContext, outdir: str) -> OutputFolder:
    if names_a_file(outdir):
        raise LineError("a sweep makes many files", hint="give -o a folder", field="outdir")
    return context.target(outdir).folder


def _stages(sweep: Sweep, cell: Cell) -> tuple[Stage, ...]:
    parsed = parse(sweep.line_of(cell))
    if not isinstance(parsed, Generation):
        raise LineError("a sweep takes a line to draw", hint="!sweep a castle -f .3,.5,.8")
    return parsed.stages


class _Note:
    """What is known of an unfinished sweep; unreadable lines and images that are gone are not."""

    def __init__(self, folder: OutputFolder, key: str) -> None:
        self.folder = folder
        self._path: Path = self.folder.books / "sweeps" / f"{key[:32]}.jsonl"
        self.seed: int | None = None
        self.images: dict[Cell, Entry] = {}
        for said in self._lines():
            if isinstance(said.get("seed"), int):
                self.seed = said["seed"]
            elif isinstance(said.get("cell"), list) and isinstance(said.get("number"), int):
                self._know(tuple(said["cell"]), said["number"])

    def _lines(self) -> list[dict[str, Any]]:
        try:
            texts = self._path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []
        found = []
        for text in texts:
            try:
                said = json.loads(text)
            except ValueError:
                continue
            if isinstance(said, dict):
                found.append(said)
        return found

    def _know(self, cell: Cell, number: int) -> None:
        entry = self.folder.history.get(number)
        if entry is not None and self.folder.path_of(entry).is_file():
            self.images[cell] = entry

    def begin(self, seed: int) -> None:
        """Keep the seed, so that cells made later are drawn with the same."""
        if self.seed is None:
            append_line(self._path, f"{json.dumps({'seed': seed})}\n")

    def add(self, cell: Cell, number: int) -> None:
        """Note a finished cell."""
        append_line(self._path, f"{json.dumps({'cell': cell, 'number': number})}\n")
        self._know(cell, number)

    def forget(self) -> None:
        """The sweep is finished."""
        self._path.unlink(missing_ok=True)
