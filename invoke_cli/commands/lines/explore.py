"""Commands that try many settings: `!sweep` over lists, ranges and alternatives, `!ladder` over the strengths."""

from __future__ import annotations

from PIL import Image

from invoke_cli.commands.command import Call
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.exploration.sweep import SweepResult, cell_stages, failure_error, run_sweep
from invoke_cli.exploration.sweep_export import grid_image, write_tables
from invoke_cli.generation.chain import prepare_line
from invoke_cli.generation.contact_sheets import save_sheet
from invoke_cli.generation.resolved_line import resolve_line
from invoke_cli.imaging.open_image import open_path
from invoke_cli.imaging.sheets.grids import difference
from invoke_cli.imaging.sheets.layout import stack_vertically, with_margin
from invoke_cli.imaging.sheets.plot import Bar, chart, chart_text
from invoke_cli.language.grammar.axes import with_switches
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.metadata.sheet_record import SheetImage, SheetRecord
from invoke_cli.output.items import bar_items

_SWEEP_USAGE = (
    "!sweep a {red|blue} castle -C 5..11:3 -A ddim,k_euler: generate every combination, as images and one grid"
)
_LADDER_USAGE = (
    "!ladder oil painting -I sketch.png: try the strengths 0.1 to 1, and chart the distance from the init image"
)
STRENGTHS = ".1..1:.1"


def sweep(context: SessionContext, call: Call) -> None:
    """Generate every combination of the lists in a line, and save a grid of the images with a table."""
    call.required(_SWEEP_USAGE)
    result = run_sweep(context, call.argument)
    if result is None:
        return
    title = f"!sweep {result.sweep.line}"
    path = save_sheet(context, grid_image(result), _record("sweep", title, result), result.folder)
    if result.private:
        context.notice("no table was written: it would reveal the prompt of a private sweep")
    else:
        for table_path in write_tables(result, title, path):
            context.notice(f"table: {table_path}")
    if result.failures:
        raise failure_error(result)


def ladder(context: SessionContext, call: Call) -> None:
    """Generate a line at strengths from 0.1 to 1, and chart the distance of the results from the init image."""
    call.required(_LADDER_USAGE)
    parsed = parse(call.argument)
    if not isinstance(parsed, Generation) or len(parsed.stages) > 1 or "strength" in parsed.stages[0].spans:
        raise CommandError("!ladder takes one stage and sets -f itself", hint=_LADDER_USAGE)
    if resolve_line(context, parsed.stages).request.init_image is None:
        raise CommandError("!ladder needs an init image", hint=_LADDER_USAGE)
    result = run_sweep(context, with_switches(call.argument, f"-f {STRENGTHS}"))
    if result is None:
        return
    bars = _distances(context, result)
    title = "mean distance to the init image at each strength"
    limit = max(1, *(bar.end for bar in bars))
    context.say(f"{title}, of 255\n{chart_text(bars, limit)}", items=bar_items(bars))
    plot = chart(bars, title, ("grey levels, of 255", "strength"), limit)
    sheet = with_margin(stack_vertically([grid_image(result), plot]))
    save_sheet(context, sheet, _record("ladder", f"!ladder {call.argument}", result), result.folder)
    if result.failures:
        raise failure_error(result)


def _distances(context: SessionContext, result: SweepResult) -> list[Bar]:
    """Return a bar for each result: its mean distance from the fitted init image, in grey levels of 255."""
    axes = result.sweep.axes
    strength = next(index for index, axis in enumerate(axes) if axis.field == "strength")
    fitted: dict[tuple[int, ...], Image.Image] = {}
    bars = []
    for image in result.images:
        others = (*image.cell[:strength], *image.cell[strength + 1 :])
        if others not in fitted:
            line = resolve_line(context, cell_stages(result.sweep, image.cell))
            fitted[others] = prepare_line(context, line).untouched()
        distance = difference(fitted[others], open_path(image.path).image)
        label = axes[strength].values[image.cell[strength]] if len(axes) == 1 else result.label_of(image)
        bars.append(Bar(label=label, begin=0, end=round(distance), note=f"{distance:.1f}"))
    return bars


def _record(kind: str, line: str, result: SweepResult) -> SheetRecord:
    if result.private:
        return SheetRecord(kind=kind, line=f"!{kind}")
    images = {image.path: image for image in result.images}.values()  # cells that are the same share their images
    shows = tuple(SheetImage(name=image.path.name, sha256=image.sha256, line=image.line) for image in images)
    return SheetRecord(kind=kind, line=line, shows=shows)
