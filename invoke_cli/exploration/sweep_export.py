"""Export a finished sweep: a grid, and next to it a CSV table for programs and an HTML page for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from invoke_cli.exploration.sweep import Cell, SweepImage, SweepResult
from invoke_cli.exploration.sweep_page import sweep_page
from invoke_cli.imaging.open_image import open_path
from invoke_cli.imaging.sheets.grids import Block, nested_grid
from invoke_cli.output.files import write_atomically

_FAILED = "failed"


def grid_image(result: SweepResult) -> Image.Image:
    """Return the labelled grid: rows and columns for the last two axes, and a block for each value of the others."""
    width = _images_per_cell(result)
    blocks = [_block(result, cells, width) for cells in result.sweep.blocks]
    return nested_grid(blocks, result.sweep.blocks_across)


def _block(result: SweepResult, cells: Sequence[Cell], width: int) -> Block:
    """Return the block of these cells, each with place for `width` images."""
    shown = [image for cell in cells for image in _padded(result, cell, width)]
    return Block(
        heading="" if result.private else result.sweep.label_of(cells[0], result.sweep.outer_axes),
        images=[None if isinstance(image, str) else open_path(image.path).image for image in shown],
        captions=[image if isinstance(image, str) else _caption(result, image) for image in shown],
        columns=result.sweep.columns * width,
    )


def _images_per_cell(result: SweepResult) -> int:
    return max((len(result.images_of(cell)) for cell in result.sweep.cells), default=1) or 1


def _padded(result: SweepResult, cell: Cell, width: int) -> list[SweepImage | str]:
    """Return the images of a cell, and captions for those that are missing."""
    images = result.images_of(cell)
    labels = [] if result.private else result.sweep.labels_of(cell, result.sweep.inner_axes)
    missing = "\n".join([_FAILED, *labels]) if cell in result.failures else ""
    return [*images, *[missing] * (width - len(images))]


def _caption(result: SweepResult, image: SweepImage) -> str:
    """Return the number and, on a line each, the values of an image; only its number in a private sweep."""
    labels = [image.part] if result.private else result.labels_of(image, result.sweep.inner_axes)
    return f"[{image.number}] " + "\n".join(labels)


def csv_table(result: SweepResult) -> str:
    """Return a CSV table with a row for each image: number, file, the value on each axis, the line.

    If cells have several images, a column tells them apart. A cell that failed has a row without number and file.
    """
    has_parts = any(image.part for image in result.images)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["number", "file", *result.sweep.names, *(["image"] if has_parts else []), "line"])
    for cell in result.sweep.cells:
        values = [axis.values[index] for axis, index in zip(result.sweep.axes, cell, strict=True)]
        for image in result.images_of(cell):
            rows.writerow([image.number, image.name, *values, *([image.part] if has_parts else []), image.line])
        if cell in result.failures:
            rows.writerow(["", "", *values, *([_FAILED] if has_parts else []), result.sweep.line_of(cell)])
    return text.getvalue()


def write_tables(result: SweepResult, title: str, sheet: Path) -> tuple[Path, Path]:
    """Write the table and the page next to the grid, with its name. Returns their paths."""
    table, page = sheet.with_suffix(".csv"), sheet.with_suffix(".html")
    write_atomically(table, csv_table(result).encode("utf-8"))
    write_atomically(page, sweep_page(result, title, sheet.parent).encode("utf-8"))
    return table, page
