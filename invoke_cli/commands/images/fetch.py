"""`!fetch`: load the line of an image, or a part of it, into the next prompt; write the lines of images to a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import find_images
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expand_path, is_folder, path_exists
from invoke_cli.errors import CommandError, MetadataError, OutputError
from invoke_cli.events import Prefill
from invoke_cli.inputs.history_lookup import read_metadata
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.metadata.codec import ParsedMetadata
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.metadata.sheet_record import decode_sheet
from invoke_cli.output.files import write_atomically
from invoke_cli.output.items import file_item
from invoke_cli.replay.compatibility import PARTS, select_part, usable_settings
from invoke_cli.replay.meanings_of_2x import as_recorded_here, paints_black_by_default
from invoke_cli.request import GenerationRequest

_USAGE = f"!fetch image.png [{' | '.join(PARTS)}]: load its line, or a part of it, into the next prompt"
_MAX_SHOWN = 5


def fetch(context: SessionContext, call: Call) -> None:
    """Load the line of an image into the next prompt, and report what the line cannot express."""
    name, *more = call.required(_USAGE)
    paths = find_images(context, name)
    if len(more) == 1 and more[0] in PARTS:
        _fetch_line(context, paths[0], more[0])
    elif len(more) == 1 and Path(more[0]).suffix:
        _write_lines(context, paths, _target(more[0]))
    elif more:
        hint = "; ".join(f"{part}: {content}" for part, content in PARTS.items())
        hint += "; lines.txt: write the lines of all matching images to a file (quote names with spaces)"
        raise CommandError(f"unknown part of a line: {more[0][:40]!r}", hint=hint)
    else:
        _fetch_line(context, paths[0], "all")


def _fetch_line(context: SessionContext, path: Path, part: str) -> None:
    """Load the line of an image, or a part of it, into the prompt."""
    sheet = decode_sheet(read_chunks(path))
    if sheet is not None:
        context.emit(Prefill(line=_one_line(sheet.line)))
        return
    metadata = read_metadata(context, path)
    usable = usable_settings(context, metadata)
    line = format_line(select_part(_as_meant(context, metadata, usable.stages), part))
    if part in ("all", "remix"):
        for text in metadata.conflicts:
            context.notice(sanitize_for_terminal(text))
        for text in (*usable.lost, *usable.missing):
            context.notice(f"not carried over: {sanitize_for_terminal(text)}")
    context.emit(Prefill(line=_one_line(line)))


def _as_meant(
    context: SessionContext, metadata: ParsedMetadata, stages: tuple[GenerationRequest, ...]
) -> tuple[GenerationRequest, ...]:
    """Return the stages with masks that paint what they did, if this session reads masks in another way."""
    is_ours = metadata.provenance is not None
    return tuple(map(as_recorded_here, stages)) if is_ours and paints_black_by_default(context) else stages


def _write_lines(context: SessionContext, paths: Sequence[Path], target: Path) -> None:
    """Write the lines of all images with metadata to a file for --from_file, each after a comment with its name."""
    if path_exists(target):
        hint = f"choose another file, or one of {', '.join(PARTS)} for a part of one image"
        raise OutputError(f"{target} already exists", hint=hint)
    lines: list[str] = []
    skipped: list[Path] = []
    for path in paths:
        context.check_stopped()
        try:
            metadata = read_metadata(context, path)
            stages = _as_meant(context, metadata, usable_settings(context, metadata).stages)
        except MetadataError:
            skipped.append(path)
            continue
        lines += [f"# {_one_line(path.name)}", _one_line(format_line(stages))]
    if not lines:
        raise CommandError("none of these images contains generation metadata", hint="check the pattern")
    if skipped:
        shown = ", ".join(path.name for path in skipped[:_MAX_SHOWN]) + (" …" if len(skipped) > _MAX_SHOWN else "")
        context.notice(f"skipped images without generation metadata: {shown}")
    write_atomically(target, "\n".join([*lines, ""]).encode("utf-8"))
    text = f"wrote {len(lines) // 2} lines to {target}; run them with --from_file {target}"
    context.say(text, items=[file_item(target)])


def _target(name: str) -> Path:
    """Return the path of a new file; in a folder whose name is typed with backslashes, if there is one."""
    slashed = expand_path(name.replace("\\", "/"))
    return slashed if slashed.parent != Path() and is_folder(slashed.parent) else expand_path(name)


def _one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ")
