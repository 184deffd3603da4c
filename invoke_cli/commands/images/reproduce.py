"""Commands that reproduce images from their metadata: `!replay` and `!verify`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from invoke_cli.commands.command import Call, FileLines
from invoke_cli.commands.image_selection import find_images, with_slashes
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expand_path, is_file
from invoke_cli.errors import CommandError, Interrupted, InvokeError, LineError, OutOfMemory
from invoke_cli.events import Level, Planned
from invoke_cli.generation.save import Saver
from invoke_cli.imaging.formats import is_image_data
from invoke_cli.input_files import LINES, METADATA, read_input
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.language.image_names import is_image_name
from invoke_cli.language.sanitize import without_marks
from invoke_cli.metadata.codecs import decode
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.metadata.sheet_record import decode_sheet
from invoke_cli.planning.describe import plan_facts
from invoke_cli.planning.plan_table import plan_table
from invoke_cli.replay.replay import prepare_replay, run_replay
from invoke_cli.replay.verify import Verdict, compare

DRY_RUN = "--dry_run"


def replay(context: SessionContext, call: Call) -> Sequence[str] | None:
    """Reproduce an image, or run the lines of a file; the content of the file decides which."""
    usage = "!replay image.png reproduces an image, !replay lines.txt runs the lines of a file; --dry_run shows plans"
    name, *more = call.required(usage)
    dry = DRY_RUN in call.switches
    if more:
        raise CommandError(f"!replay takes one image or file, not {more[0][:40]!r}", hint=usage)
    path = _file_or_image(context, name)
    data = _read(context, path)
    if not is_image_data(data[:12]):
        lines = _lines(data, path)
        return FileLines(map(_planned, lines)) if dry else lines
    if decode_sheet(read_chunks(path)) is not None:
        hint = f"!fetch {path.name} loads the line that combines them into the prompt"
        raise CommandError(f"{path.name} is a sheet of other images", hint=hint)
    _replay_image(context, path, dry=dry)
    return None


def _replay_image(context: SessionContext, path: Path, *, dry: bool) -> None:
    """Reproduce an image and report whether the result is identical; a dry run only shows the plan."""
    recorded_run = prepare_replay(context, path, output=True)
    for text in recorded_run.prepared.plan.notices:
        context.notice(text)
    if dry:
        for stage in (recorded_run.prepared, *recorded_run.prepared.later):
            context.emit(Planned(plan=plan_facts(stage.plan), text=plan_table(stage.plan), dry_run=True))
        return
    result = run_replay(context, recorded_run)
    saver = Saver(context, context.target(recorded_run.prepared.plan.output.outdir))
    saver.save(recorded_run.prepared, result)
    saver.collect(wait=True)
    comparison = compare(context, recorded_run, result)
    context.notice(f"reproduced {path.name}: {comparison.verdict.value}")


def verify(context: SessionContext, call: Call) -> None:
    """Reproduce images and report whether they are identical. Raises CommandError if one differs."""
    failed = 0
    words = call.required("!verify image.png: reproduce an image and compare the result")
    for word in words:
        paths = find_images(context, word)
        for path in paths if len(paths) == 1 else [path for path in paths if _has_metadata(context, path)]:
            context.check_stopped()
            failed += not _verify_image(context, path)
    if failed:
        raise CommandError(f"{failed} of the images differ or cannot be verified", hint="see the messages above")


def _verify_image(context: SessionContext, path: Path) -> bool:
    """Verify one image, report the result, and return whether it was reproduced."""
    try:
        recorded_run = prepare_replay(context, path)
        comparison = compare(context, recorded_run, run_replay(context, recorded_run))
    except (Interrupted, OutOfMemory):
        raise
    except InvokeError as error:
        context.notice(f"{path}: cannot be verified: {error.message}", Level.WARNING)
        return False
    context.say(
        "\n".join([f"{path}: {comparison.verdict.value}", *(f"  {text}" for text in comparison.reasons)]),
        items=[
            {
                "kind": "verdict",
                "path": str(path),
                "verdict": comparison.verdict.name.lower(),
                "reasons": comparison.reasons,
            }
        ],
    )
    return comparison.verdict is not Verdict.DIFFERS


def _has_metadata(context: SessionContext, path: Path) -> bool:
    """Return whether an image contains generation metadata; strips and grids do not, and are skipped with a notice."""
    if decode(read_chunks(path)) is not None:
        return True
    context.notice(f"{path}: skipped, it contains no generation metadata")
    return False


# -- helpers ---------------------------------------------------------------------------------------------------------


def _file_or_image(context: SessionContext, word: str) -> Path:
    path = expand_path(with_slashes(word))
    return path if is_file(path) else find_images(context, word)[0]


def _planned(line: str) -> str:
    """Return the command that shows the plan of a line; the line itself if it is none of images, or does not parse."""
    with contextlib.suppress(LineError):
        return f"!plan {line}" if isinstance(parse(line), Generation) else line
    return line


def _read(context: SessionContext, path: Path) -> bytes:
    """Return the content of an image or a file of lines. Raises CommandError if it cannot be read."""
    try:
        return read_input(path, LINES if not is_image_name(path.name) else METADATA, context.check_stopped)
    except IsADirectoryError:
        raise CommandError(f"{path} is a folder", hint="choose an image or a file of lines in it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "pass an image or a file of lines; invoke --from_file - reads lines from a pipe"
        raise CommandError(f"{path} cannot be read: {reason}", hint=hint) from None


def _lines(data: bytes, path: Path) -> FileLines:
    try:
        text = without_marks(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise CommandError(f"cannot read lines from {path}: {error}", hint="the file must contain UTF-8 text") from None
    return FileLines(line.rstrip("\r") for line in text.split("\n"))
