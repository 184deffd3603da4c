"""Commands that show images side by side: `!compare`, `!grid` and `!contact`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import LAST, selected_images
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.generation.contact_sheets import Subject, open_subject, save_sheet, shared_line, titles
from invoke_cli.imaging.sheets.comparison import comparison, strips
from invoke_cli.imaging.sheets.grids import captioned_grid, contact_sheet
from invoke_cli.metadata.sheet_record import SheetRecord, sheet_line
from invoke_cli.replay.step_frames import step_frames

MAX_IMAGES = 100
MAX_COMPARED = 8
_STRIPS = "--strips"


def compare(context: SessionContext, call: Call) -> None:
    """Save a sheet with a column per image: the start image, the steps aligned by noise level, the result."""
    usage = "!compare 16 17: show images side by side with their steps; --strips shows only the steps"
    paths = selected_images(context, call.required(usage))
    if not 2 <= len(paths) <= MAX_COMPARED:
        raise CommandError(f"!compare takes 2 to {MAX_COMPARED} images, not {len(paths)}", hint=usage)
    subjects = [open_subject(path) for path in paths]
    columns = [
        step_frames(context, each, title) for each, title in zip(subjects, titles(context, subjects), strict=True)
    ]
    only_strips = _STRIPS in call.switches
    if only_strips and not any(column.stages for column in columns):
        raise CommandError("the steps of these images are not available", hint="omit --strips")
    sheet = strips(columns) if only_strips else comparison(columns)
    save_sheet(context, sheet, _record("compare", subjects, *([_STRIPS] if only_strips else [])))


def grid(context: SessionContext, call: Call) -> None:
    """Save a grid of images, as large as they fit, each with its name."""
    subjects = _subjects(context, call)
    sheet = captioned_grid([each.opened.image for each in subjects], titles(context, subjects))
    save_sheet(context, sheet, _record("grid", subjects))


def contact(context: SessionContext, call: Call) -> None:
    """Save a contact sheet: small images with their names and what differs, below what all of them share."""
    subjects = _subjects(context, call)
    title = f"{len(subjects)} image{'s' if len(subjects) > 1 else ''}: {' '.join(call.words) or LAST}"
    sheet = contact_sheet(
        [each.opened.image for each in subjects], titles(context, subjects), title, shared_line(context, subjects)
    )
    save_sheet(context, sheet, _record("contact", subjects))


def _subjects(context: SessionContext, call: Call) -> list[Subject]:
    paths: Sequence[Path] = selected_images(context, call.words or [LAST])
    if not paths:
        raise CommandError("none of these images exists any more", hint="!history lists the images")
    if len(paths) > MAX_IMAGES:
        raise CommandError(
            f"{len(paths)} images are too many for one sheet (at most {MAX_IMAGES})", hint="choose fewer images"
        )
    return [open_subject(path) for path in paths]


def _record(kind: str, subjects: Sequence[Subject], *options: str) -> SheetRecord:
    shows = tuple(each.shown for each in subjects)
    return SheetRecord(kind=kind, line=sheet_line(kind, shows, *options), shows=shows)
