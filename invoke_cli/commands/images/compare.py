"""Commands that lay pictures beside each other: `!compare`, `!grid` and `!contact`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import LAST, selected_images
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.generation.contact_sheets import Subject, save_sheet, subject, titles
from invoke_cli.imaging.sheets.comparison import comparison, strips
from invoke_cli.imaging.sheets.sheets import captioned_grid, contact_sheet
from invoke_cli.metadata.sheet_record import SheetRecord, sheet_line
from invoke_cli.replay.step_frames import step_frames

MOST = 100
MOST_COMPARED = 8
_STRIPS = "--strips"


def compare(context: SessionContext, call: Call) -> None:
    """A column for each picture: what the model began with, its steps aligned by noise, the result."""
    usage = "!compare 16 17: beside each other, with their steps; --strips for the steps alone"
    words = [word for word in call.required(usage) if word != _STRIPS]
    paths = selected_images(context, words)
    if not 2 <= len(paths) <= MOST_COMPARED:
        raise CommandError(f"!compare takes 2 to {MOST_COMPARED} pictures, not {len(paths)}", hint=usage)
    subjects = [subject(path) for path in paths]
    stories = [
        step_frames(context, each, title) for each, title in zip(subjects, titles(context, subjects), strict=True)
    ]
    only_strips = len(words) < len(call.words)
    if only_strips and not any(story.stages for story in stories):
        raise CommandError("none of these pictures tells its steps", hint="leave --strips out")
    sheet = strips(stories) if only_strips else comparison(stories)
    save_sheet(context, sheet, _record("compare", subjects, *([_STRIPS] if only_strips else [])))


def grid(context: SessionContext, call: Call) -> None:
    """Pictures beside each other, as large as they fit, each under its name."""
    subjects = _subjects(context, call)
    sheet = captioned_grid([each.opened.image for each in subjects], titles(context, subjects))
    save_sheet(context, sheet, _record("grid", subjects))


def contact(context: SessionContext, call: Call) -> None:
    """A contact sheet: small pictures with their names."""
    subjects = _subjects(context, call)
    title = f"{len(subjects)} image{'s' if len(subjects) > 1 else ''}: {' '.join(call.words) or LAST}"
    sheet = contact_sheet([each.opened.image for each in subjects], titles(context, subjects), title)
    save_sheet(context, sheet, _record("contact", subjects))


def _subjects(context: SessionContext, call: Call) -> list[Subject]:
    paths: Sequence[Path] = selected_images(context, call.words or [LAST])
    if not paths:
        raise CommandError("none of these pictures is there any more", hint="!history lists what is")
    if len(paths) > MOST:
        raise CommandError(f"{len(paths)} pictures are too many for one sheet (at most {MOST})", hint="name fewer")
    return [subject(path) for path in paths]


def _record(kind: str, subjects: Sequence[Subject], *options: str) -> SheetRecord:
    shows = tuple(each.shown for each in subjects)
    return SheetRecord(kind=kind, line=sheet_line(kind, shows, *options), shows=shows)
