"""Commands on the metadata of images: `!info` shows it, `!replay` and `!verify` reproduce the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from invoke_cli.commands.command import Call, FileLines
from invoke_cli.commands.image_selection import find_images, single_image
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expand_path, is_file
from invoke_cli.errors import CommandError, ImageError, Interrupted, InvokeError, MetadataError, OutOfMemory
from invoke_cli.events import Item, Level
from invoke_cli.generation.save import Saver
from invoke_cli.imaging.formats import is_image_data
from invoke_cli.imaging.open_image import OpenedImage, open_path
from invoke_cli.inputs.history_lookup import read_metadata
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.sanitize import sanitize_for_terminal, shortened, without_marks
from invoke_cli.language.switches.switch import Switch
from invoke_cli.language.switches.table import SWITCHES, by_field
from invoke_cli.metadata.codec import ParsedMetadata
from invoke_cli.metadata.codecs import decode
from invoke_cli.metadata.containers.stealth import stealth_text
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.metadata.sheet_record import decode_sheet
from invoke_cli.replay.replay import prepare_replay, run_replay
from invoke_cli.replay.verify import Verdict, compare
from invoke_cli.request import GenerationRequest

_MAX_CHARACTERS = 4_000


def info(context: SessionContext, call: Call) -> None:
    """Show the metadata of an image."""
    path = single_image(context, call, "!info image.png: show the metadata of an image")
    texts = read_chunks(path)
    lines = [f"{path}"]
    opened: OpenedImage | None = None
    metadata: ParsedMetadata | None = None
    try:
        opened = open_path(path)
        lines += [*_row("size", opened.size), *_row("bytes", len(opened.data)), *_row("sha256", opened.sha256)]
        texts = texts or stealth_text(opened)
    except ImageError as error:
        if not texts:
            raise
        lines += _row("pixels", sanitize_for_terminal(error.message))
    sheet = decode_sheet(texts)
    try:
        if sheet:
            lines += _row("line", sheet.line)
        else:
            metadata = read_metadata(context, path)
            lines += _metadata_rows(metadata)
    except MetadataError as error:
        lines.append(sanitize_for_terminal(error.message))
    lines += [
        f"-- {_one_line(name)[:100]}\n{shortened(sanitize_for_terminal(text), _MAX_CHARACTERS)}"
        for name, text in texts.items()
    ]
    item = {
        "kind": "metadata",
        "path": str(path),
        **_pixels_item(opened),
        **_settings_item(metadata),
        **({"line": sheet.line, "sheet": sheet.kind} if sheet else {}),
        "texts": texts,
    }
    context.say("\n".join(lines), items=[item])


def _pixels_item(opened: OpenedImage | None) -> Item:
    """Return the size and the hash of an image file, for programs; None for all of them if it has no pixels."""
    return {
        "width": opened and opened.size.width,
        "height": opened and opened.size.height,
        "bytes": opened and len(opened.data),
        "sha256": opened and opened.sha256,
    }


def _settings_item(metadata: ParsedMetadata | None) -> Item:
    """Return the settings in the metadata, for programs: a mapping from names to values as typed for each stage."""
    if metadata is None:
        return {
            **dict.fromkeys(("program", "line", "sheet")),
            "stages": (),
            "facts": {},
            "missing": (),
            "conflicts": (),
        }
    return {
        "program": metadata.program,
        "line": format_line(metadata.stages),
        "sheet": None,
        "stages": [_typed_values(stage) for stage in metadata.stages],
        "facts": {name: str(value) for name, value in metadata.facts.items()},
        "missing": metadata.missing,
        "conflicts": metadata.conflicts,
    }


def _typed_values(stage: GenerationRequest) -> Mapping[str, str]:
    """Return the settings of a stage as typed, by the long names of their switches."""
    return {
        by_field()[name].name[2:]: _format_value(by_field()[name], value) for name, value in stage.set_fields().items()
    }


def replay(context: SessionContext, call: Call) -> Sequence[str] | None:
    """Reproduce an image, or run the lines of a file; the content of the file decides which."""
    words = call.required("!replay image.png reproduces an image, !replay lines.txt runs the lines of a file")
    path = _file_or_image(context, words[0])
    if path.is_dir():
        raise CommandError(f"{path} is a folder", hint="choose an image or a file of lines in it")
    if not is_image_data(path.read_bytes()[:12]):
        return _read_lines(path)
    if decode_sheet(read_chunks(path)) is not None:
        hint = f"!fetch {path.name} loads the line that combines them into the prompt"
        raise CommandError(f"{path.name} is a sheet of other images", hint=hint)
    recorded_run = prepare_replay(context, path, output=True)
    for text in recorded_run.prepared.plan.notices:
        context.notice(text)
    result = run_replay(context, recorded_run)
    saver = Saver(context, context.target(recorded_run.prepared.plan.output.outdir))
    saver.save(recorded_run.prepared, result)
    saver.collect(wait=True)
    comparison = compare(context, recorded_run, result)
    context.notice(f"reproduced {path.name}: {comparison.verdict.value}")
    return None


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
    path = expand_path(word)
    return path if is_file(path) else find_images(context, word)[0]


def _read_lines(path: Path) -> FileLines:
    try:
        return FileLines(line.rstrip("\r") for line in without_marks(path.read_text(encoding="utf-8")).split("\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read lines from {path}: {error}", hint="the file must contain UTF-8 text") from None


def _metadata_rows(metadata: ParsedMetadata) -> list[str]:
    """Format the program, the line, its fields, and what the line cannot express."""
    lines = [*_row("program", metadata.program), *_row("line", format_line(metadata.stages))]
    for number, stage in enumerate(metadata.stages, start=1):
        if metadata.earlier:
            lines.append(f"stage {number}")
        for switch in SWITCHES:
            value = getattr(stage, switch.field)
            if value is not None:
                lines += _row(switch.name[2:], _format_value(switch, value))
    for name, value in metadata.facts.items():
        lines += _row(name, value)
    if metadata.provenance is not None:
        lines += _row("pixels", metadata.provenance.pixel_sha256)
        for name, version in metadata.provenance.environment.items():
            lines += _row(str(name), version)
    lines += [f"conflict: {_one_line(text)}" for text in metadata.conflicts]
    return lines + [f"not carried over: {_one_line(text)}" for text in metadata.missing]


def _format_value(switch: Switch, value: object) -> str:
    """Format the value of a field as typed; prompts without quotes."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if switch.value.prompt_text else switch.value.format(value) or str(value)


def _row(name: str, value: object) -> list[str]:
    return [f"{_one_line(name):<15} {shortened(_one_line(str(value)), _MAX_CHARACTERS)}"] if str(value) else []


def _one_line(text: str) -> str:
    return sanitize_for_terminal(text).replace("\n", " ").replace("\t", " ")
