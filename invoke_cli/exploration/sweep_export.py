"""Export a finished sweep next to its grid: a CSV table for programs, an HTML page for people."""

from __future__ import annotations

import csv
import html
import io
import os
from pathlib import Path

from invoke_cli.exploration.sweep import SweepResult
from invoke_cli.output.files import write_atomically

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ background: #181818; color: #e4e4e4; font: 15px sans-serif }}
figure {{ display: inline-block; margin: 4px; vertical-align: top; width: 256px }}
img {{ width: 256px; height: auto }}
code {{ color: #9ecbff; word-break: break-word }}
</style>
<h1>{title}</h1>
{figures}
</html>
"""


def csv_table(result: SweepResult) -> str:
    """Return a CSV table with a row for each cell: number, file, the value on each axis, the line."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["number", "file", *(axis.switch.name[2:] for axis in result.sweep.axes), "line"])
    for cell in result.sweep.cells:
        entry = result.images[cell]
        values = [axis.values[index] for axis, index in zip(result.sweep.axes, cell, strict=True)]
        rows.writerow([entry.number, entry.path, *values, entry.line])
    return text.getvalue()


def html_page(result: SweepResult, title: str, folder: Path) -> str:
    """Return an HTML page with the images as links, with their labels; `folder` is the folder of the page."""
    figures = []
    for cell in result.sweep.cells:
        entry = result.images[cell]
        link = html.escape(Path(os.path.relpath(result.folder.path_of(entry), folder)).as_posix().replace("%", "%25"))
        label = html.escape(result.sweep.label_of(cell))
        figures.append(
            f'<figure><a href="{link}"><img src="{link}" alt="{label}"></a>'
            f"<figcaption>[{entry.number}] {label}<br><code>{html.escape(entry.line)}</code></figcaption></figure>"
        )
    return _PAGE.format(title=html.escape(title), figures="\n".join(figures))


def write_tables(result: SweepResult, title: str, sheet: Path) -> tuple[Path, Path]:
    """Write both exports next to the grid, with its name. Returns their paths."""
    table, page = sheet.with_suffix(".csv"), sheet.with_suffix(".html")
    write_atomically(table, csv_table(result).encode("utf-8"))
    write_atomically(page, html_page(result, title, sheet.parent).encode("utf-8"))
    return table, page
