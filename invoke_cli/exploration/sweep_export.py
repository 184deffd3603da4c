"""A finished sweep as tables beside its grid: CSV for programs, a small HTML page for people."""

from __future__ import annotations

import csv
import html
import io
import os
from pathlib import Path

from invoke_cli.exploration.sweep import SweepResult
from invoke_cli.output.files import write_whole

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


def csv_table(swept: SweepResult) -> str:
    """A row for each cell: number, file, the value on each axis, the line."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["number", "file", *(axis.switch.name[2:] for axis in swept.sweep.axes), "line"])
    for cell in swept.sweep.cells:
        entry = swept.images[cell]
        values = [axis.values[index] for axis, index in zip(swept.sweep.axes, cell, strict=True)]
        rows.writerow([entry.number, entry.path, *values, entry.line])
    return text.getvalue()


def html_page(swept: SweepResult, title: str, beside: Path) -> str:
    """The pictures with their labels, as links; `beside` is the folder that the page will lie in."""
    figures = []
    for cell in swept.sweep.cells:
        entry = swept.images[cell]
        link = html.escape(Path(os.path.relpath(swept.folder.path_of(entry), beside)).as_posix().replace("%", "%25"))
        label = html.escape(swept.sweep.label_of(cell))
        figures.append(
            f'<figure><a href="{link}"><img src="{link}" alt="{label}"></a>'
            f"<figcaption>[{entry.number}] {label}<br><code>{html.escape(entry.line)}</code></figcaption></figure>"
        )
    return _PAGE.format(title=html.escape(title), figures="\n".join(figures))


def write_tables(swept: SweepResult, title: str, sheet: Path) -> tuple[Path, Path]:
    """Write both beside the grid of the sweep, under its name; returns where."""
    table, page = sheet.with_suffix(".csv"), sheet.with_suffix(".html")
    write_whole(table, csv_table(swept).encode("utf-8"))
    write_whole(page, html_page(swept, title, sheet.parent).encode("utf-8"))
    return table, page
