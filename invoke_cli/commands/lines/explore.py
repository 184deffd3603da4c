"""Commands that try many settings: `!sweep` over lists and ranges, `!ladder` over the strengths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from invoke_cli.commands.command import Call
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.exploration.sweep import SweepResult, run_sweep
from invoke_cli.exploration.sweep_export import write_tables
from invoke_cli.generation.chain import prepare_line
from invoke_cli.generation.contact_sheets import save_sheet
from invoke_cli.generation.prepare import Prepared
from invoke_cli.generation.resolved_line import resolve_line
from invoke_cli.imaging.open_image import open_path
from invoke_cli.imaging.sheets.layout import stack_vertically, with_margin
from invoke_cli.imaging.sheets.plot import Bar, chart, chart_text
from invoke_cli.imaging.sheets.sheets import difference, labelled_grid
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.metadata.sheet_record import SheetImage, SheetRecord

_SWEEP = "!sweep a castle -f .3,.5,.8 -C 5..11:3 -A ddim,k_euler: every combination, as images and one grid"
_LADDER = "!ladder oil painting -I sketch.png: the strengths 0.1 to 1, and how far each goes from the init image"
STRENGTHS = ".1..1:.1"


def sweep(context: SessionContext, call: Call) -> None:
    """Draw every combination of the lists in a line, and lay the images out in one grid with a table."""
    call.required(_SWEEP)
    swept = run_sweep(context, call.argument)
    if swept is None:
        return
    title = f"!sweep {swept.sweep.line}"
    path = save_sheet(context, _grid(swept), _record("sweep", title, swept), swept.folder)
    if swept.private:
        context.notice("a private sweep has no table: it would tell the words")
        return
    for written in write_tables(swept, title, path):
        context.notice(f"table: {written}")


def ladder(context: SessionContext, call: Call) -> None:
    """Draw a line at every strength from 0.1 to 1, and chart how far the results are from the init image."""
    call.required(_LADDER)
    parsed = parse(call.argument)
    if not isinstance(parsed, Generation) or len(parsed.stages) > 1 or "strength" in parsed.stages[0].spans:
        raise CommandError("!ladder takes one stage, and chooses -f itself", hint=_LADDER)
    prepared = prepare_line(context, resolve_line(context, parsed.stages))
    if prepared.init is None:
        raise CommandError("a ladder starts from an init image", hint=_LADDER)
    swept = run_sweep(context, f"{call.argument} -f {STRENGTHS}")
    if swept is None:
        return
    bars = _distances(prepared, swept)
    title = "mean distance to the init image at each strength"
    limit = max(1, *(bar.end for bar in bars))
    context.say(f"{title}, of 255\n{chart_text(bars, limit)}")
    plot = chart(bars, title, ("grey levels, of 255", "strength"), limit)
    sheet = with_margin(stack_vertically([_grid(swept), plot]))
    save_sheet(context, sheet, _record("ladder", f"!ladder {call.argument}", swept), swept.folder)


def _grid(swept: SweepResult) -> Image.Image:
    cells = swept.sweep.cells
    captions = [f"[{swept.images[cell].number}] {swept.sweep.label_of(cell)}" for cell in cells]
    return labelled_grid([open_path(path).image for path in _paths(swept)], captions, swept.sweep.columns)


def _paths(swept: SweepResult) -> Sequence[Path]:
    return [swept.folder.path_of(swept.images[cell]) for cell in swept.sweep.cells]


def _distances(prepared: Prepared, swept: SweepResult) -> list[Bar]:
    """How far each result is from the init image as it was fitted, in whole grey levels."""
    init, axis = prepared.untouched(), swept.sweep.axes[-1]
    far = [difference(init, open_path(path).image) for path in _paths(swept)]
    return [
        Bar(label=value, begin=0, end=round(distance), note=f"{distance:.1f}")
        for value, distance in zip(axis.values, far, strict=True)
    ]


def _record(kind: str, line: str, swept: SweepResult) -> SheetRecord:
    entries = [swept.images[cell] for cell in swept.sweep.cells]
    shows = tuple(SheetImage(name=Path(entry.path).name, sha256=entry.sha256, line=entry.line) for entry in entries)
    if swept.private:
        return SheetRecord(kind=kind, line=f"!{kind}")
    return SheetRecord(kind=kind, line=line, shows=shows)
