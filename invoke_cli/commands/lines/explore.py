"""`!sweep`: try every combination of lists, ranges and alternatives."""

from __future__ import annotations

from invoke_cli.commands.command import Call
from invoke_cli.context.context import SessionContext
from invoke_cli.exploration.sweep import SweepResult, failure_error, run_sweep
from invoke_cli.exploration.sweep_export import grid_image, write_tables
from invoke_cli.generation.contact_sheets import save_sheet
from invoke_cli.metadata.sheet_record import SheetImage, SheetRecord

_SWEEP_USAGE = (
    "!sweep a {red|blue} castle -C 5..11:3 -A ddim,k_euler: generate every combination, as images and one grid"
)


def sweep(context: SessionContext, call: Call) -> None:
    """Generate every combination of the lists in a line, and save a grid of the images with a table."""
    call.required(_SWEEP_USAGE)
    result = run_sweep(context, call.argument)
    if result is None:
        return
    title = f"!sweep {result.sweep.line}"
    path = save_sheet(context, grid_image(result), sweep_record("sweep", title, result), result.folder)
    if result.private:
        context.notice("no table was written: it would reveal the prompt of a private sweep")
    else:
        for table_path in write_tables(result, title, path):
            context.notice(f"table: {table_path}")
    if result.failures:
        raise failure_error(result)


def sweep_record(kind: str, line: str, result: SweepResult) -> SheetRecord:
    """Return the record of a sheet of all images; without texts in a private sweep."""
    if result.private:
        return SheetRecord(kind=kind, line=f"!{kind}")
    images = {image.path: image for image in result.images}.values()  # cells that are the same share their images
    shows = tuple(SheetImage(name=image.path.name, sha256=image.sha256, line=image.line) for image in images)
    return SheetRecord(kind=kind, line=line, shows=shows)
