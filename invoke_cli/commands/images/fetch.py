"""`!fetch`: a picture's line, or a part of it, into the next prompt; the lines of many pictures into a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import images_of
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expanded, is_there
from invoke_cli.errors import CommandError, MetadataError, OutputError
from invoke_cli.events import Prefill
from invoke_cli.inputs.history_lookup import recalled
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.metadata.sheet_record import decode_sheet
from invoke_cli.output.files import write_whole
from invoke_cli.replay.compatibility import PARTS, part_of, usable_settings

_USAGE = f"!fetch picture.png [{' | '.join(PARTS)}]: its line, or a part of it, comes into the next prompt"
_MOST_SHOWN = 5


def fetch(context: SessionContext, call: Call) -> None:
    """Put the line that made a picture into the next prompt, and tell what does not fit into it."""
    name, *more = call.required(_USAGE)
    paths = images_of(context, name)
    if len(more) == 1 and more[0] in PARTS:
        _one(context, paths[0], more[0])
    elif len(more) == 1 and Path(more[0]).suffix:
        _into_file(context, paths, expanded(more[0]))
    elif more:
        hint = "; ".join(f"{part}: {takes}" for part, takes in PARTS.items())
        hint += "; lines.txt: the lines of a pattern's pictures into a file (a name with blanks in quotes)"
        raise CommandError(f"!fetch knows no part {more[0][:40]!r} of a line", hint=hint)
    else:
        _one(context, paths[0], "all")


def _one(context: SessionContext, path: Path, part: str) -> None:
    """The line of a picture, or a part of it, into the prompt."""
    sheet = decode_sheet(read_chunks(path))
    if sheet is not None:
        context.emit(Prefill(line=_one_line(sheet.line)))
        return
    known = recalled(context, path)
    found = usable_settings(context, known)
    line = format_line(part_of(found.stages, part))
    if part in ("all", "remix"):
        for text in known.conflicts:
            context.notice(sanitize_for_terminal(text))
        for text in (*found.lost, *known.missing):
            context.notice(f"not carried over: {sanitize_for_terminal(text)}")
    context.emit(Prefill(line=_one_line(line)))


def _into_file(context: SessionContext, paths: Sequence[Path], target: Path) -> None:
    """The lines of all pictures that have one, each below its name, ready for --from_file."""
    if is_there(target):
        hint = f"name another file, or one of {', '.join(PARTS)} for a part of one picture"
        raise OutputError(f"{target} is there already", hint=hint)
    lines: list[str] = []
    silent: list[Path] = []
    for path in paths:
        context.check_stopped()
        try:
            stages = usable_settings(context, recalled(context, path)).stages
        except MetadataError:
            silent.append(path)
            continue
        lines += [f"# {_one_line(path.name)}", _one_line(format_line(stages))]
    if not lines:
        raise CommandError("none of these pictures says how it was made", hint="check the pattern")
    if silent:
        shown = ", ".join(path.name for path in silent[:_MOST_SHOWN]) + (" …" if len(silent) > _MOST_SHOWN else "")
        context.notice(f"left out, for they do not say how they were made: {shown}")
    write_whole(target, "\n".join([*lines, ""]).encode("utf-8"))
    context.say(f"{len(lines) // 2} lines are in {target}; --from_file {target} draws them")


def _one_line(text: str) -> str:
    return sanitize_for_terminal(text).replace("\n", " ").replace("\t", " ")
