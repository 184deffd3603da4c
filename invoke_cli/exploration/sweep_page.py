"""The page of a finished sweep: its images in tables like those of the grid, with lines to copy."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from pathlib import Path

from invoke_cli.exploration.sweep import Cell, SweepImage, SweepResult
from invoke_cli.output.web_page import link, web_page

_KEYS = (
    "Click a line to copy it. Arrow keys move, <kbd>c</kbd> copies the line, <kbd>Enter</kbd> opens the image, "
    "<kbd>Home</kbd> and <kbd>End</kbd> go to the first and last."
)


def sweep_page(result: SweepResult, title: str, folder: Path) -> str:
    """Return the page; `folder` is the folder that it is written to."""
    header = f'<header><h1>{html.escape(title)}</h1><p class="keys">{_KEYS}</p></header>'
    tables = [_Table(result, cells, folder).html() for cells in result.sweep.blocks]
    return web_page("sweep", title, "\n".join([header, "<main>", *tables, "</main>"]))


class _Table:
    """The table of a block of cells. Two axes have heads for rows and columns, a single axis for columns if it fits."""

    def __init__(self, result: SweepResult, cells: Sequence[Cell], folder: Path) -> None:
        self.result = result
        self.cells = cells
        self.folder = folder
        self.columns = result.sweep.columns
        self.has_rows = len(result.sweep.axes) > 1
        self.has_columns = self.has_rows or (len(cells) <= self.columns and bool(result.sweep.axes))

    def html(self) -> str:
        """Return the table below its heading."""
        heading = self.result.sweep.label_of(self.cells[0], self.result.sweep.outer_axes)
        rows = [self.cells[start : start + self.columns] for start in range(0, len(self.cells), self.columns)]
        return "\n".join(
            [
                *([f"<h2>{html.escape(heading)}</h2>"] if heading else []),
                '<div class="table"><table>',
                *(self._column_heads(rows[0]) if self.has_columns else ()),
                "<tbody>",
                *(line for row in rows for line in self._row(row)),
                "</tbody></table></div>",
            ]
        )

    def _column_heads(self, row: Sequence[Cell]) -> Iterator[str]:
        corner = "<th></th>" if self.has_rows else ""
        heads = "".join(f'<th scope="col">{html.escape(self._label(cell, -1))}</th>' for cell in row)
        yield f"<thead><tr>{corner}{heads}</tr></thead>"

    def _row(self, row: Sequence[Cell]) -> Iterator[str]:
        yield "<tr>"
        if self.has_rows:
            yield f'<th scope="row">{html.escape(self._label(row[0], -2))}</th>'
        for cell in row:
            yield f'<td tabindex="-1">{self._content(cell)}</td>'
        yield "</tr>"

    def _label(self, cell: Cell, axis: int) -> str:
        return self.result.sweep.labels_of(cell)[axis]

    def _content(self, cell: Cell) -> str:
        figures = [self._figure(image) for image in self.result.images_of(cell)]
        if cell in self.result.failures:
            label, reason = html.escape(self.result.sweep.label_of(cell)), html.escape(self.result.failures[cell])
            figures.append(f'<div class="failed">failed: {label}<br>{reason}</div>')
        return "".join(figures)

    def _figure(self, image: SweepImage) -> str:
        address = html.escape(link(image.path, self.folder))
        label = html.escape(self.result.label_of(image))
        shown = html.escape(image.part) if self.has_columns else label
        return (
            f'<figure><a href="{address}"><img src="{address}" alt="{label}" loading="lazy"></a>'
            f"<figcaption><span>[{image.number}]</span><span>{shown}</span>"
            f'<button type="button" title="Copy the line"><code>{html.escape(image.line)}</code></button>'
            "</figcaption></figure>"
        )
