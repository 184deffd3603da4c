"""Commands that read pictures: their line, all they say, making them again, checking them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import images_of, one_image
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expanded, is_file
from invoke_cli.errors import CommandError, ImageError, Interrupted, InvokeError, MetadataError, OutOfMemory
from invoke_cli.events import Level
from invoke_cli.generation.save import Saver
from invoke_cli.imaging.open_image import open_path
from invoke_cli.imaging.png_chunks import SIGNATURE
from invoke_cli.inputs.history_lookup import recalled
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.sanitize import sanitize_for_terminal, shortened
from invoke_cli.language.switches.switch import Switch
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.metadata import decode
from invoke_cli.metadata.codec import ParsedMetadata
from invoke_cli.metadata.containers.stealth import stealth_text
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.metadata.sheet_record import decode_sheet
from invoke_cli.replay.replay import Verdict, compare, prepare_replay, replayed

_IMAGE_STARTS = (SIGNATURE, b"\xff\xd8\xff", b"RIFF", b"GIF8", b"BM", b"II*\0", b"MM\0*")

_MOST_RAW = 4_000


def info(context: SessionContext, call: Call) -> None:
    """Show all that a picture says of itself."""
    path = one_image(context, call, "!info picture.png: all that it says of itself")
    texts = read_chunks(path)
    lines = [f"{path}"]
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
        lines += _row("line", sheet.line) if sheet else _told(recalled(context, path))
    except MetadataError as error:
        lines.append(sanitize_for_terminal(error.message))
    lines += [
        f"-- {_one_line(name)[:100]}\n{shortened(sanitize_for_terminal(text), _MOST_RAW)}"
        for name, text in texts.items()
    ]
    context.say("\n".join(lines))


def replay(context: SessionContext, call: Call) -> Sequence[str] | None:
    """Make a picture again, or do the lines of a file; which it is, its content tells."""
    words = call.required("!replay picture.png makes it again, !replay lines.txt does its lines")
    path = _file_or_image(context, words[0])
    if path.is_dir():
        raise CommandError(f"{path} is a folder", hint="name a picture or a file of lines in it")
    if not path.read_bytes()[:8].startswith(_IMAGE_STARTS):
        return _lines(path)
    if decode_sheet(read_chunks(path)) is not None:
        hint = f"!fetch {path.name} brings the line that lays them out to the prompt"
        raise CommandError(f"{path.name} is made of other pictures", hint=hint)
    remake = prepare_replay(context, path, output=True)
    for text in remake.prepared.plan.notices:
        context.notice(text)
    result = replayed(context, remake)
    saver = Saver(context, context.target(remake.prepared.plan.output.outdir))
    saver.save(remake.prepared, result)
    saver.collect(wait=True)
    comparison = compare(context, remake, result)
    context.notice(f"{path.name}, made again: {comparison.verdict.value}")
    return None


def verify(context: SessionContext, call: Call) -> None:
    """Make pictures again and say whether they are the same; fails when one differs."""
    failed = 0
    words = call.required("!verify picture.png: made again, and compared")
    for word in words:
        paths = images_of(context, word)
        for path in paths if len(paths) == 1 else [path for path in paths if _says_something(context, path)]:
            context.check_stopped()
            failed += not _verified(context, path)
    if failed:
        raise CommandError(f"{failed} of the pictures differ or cannot be verified", hint="the reasons stand above")


def _verified(context: SessionContext, path: Path) -> bool:
    """Verify one picture and say how it went; whether it could be made again."""
    try:
        remake = prepare_replay(context, path)
        comparison = compare(context, remake, replayed(context, remake))
    except (Interrupted, OutOfMemory):
        raise
    except InvokeError as error:
        context.notice(f"{path}: cannot be verified: {error.message}", Level.WARNING)
        return False
    context.say("\n".join([f"{path}: {comparison.verdict.value}", *(f"  {text}" for text in comparison.reasons)]))
    return comparison.verdict is not Verdict.DIFFERS


def _says_something(context: SessionContext, path: Path) -> bool:
    """Whether a picture of a pattern says how it was made; strips and grids do not."""
    if decode(read_chunks(path)) is not None:
        return True
    context.notice(f"{path}: left out, it does not say how it was made")
    return False


# -- parts -----------------------------------------------------------------------------------------------------------


def _file_or_image(context: SessionContext, word: str) -> Path:
    path = expanded(word)
    return path if is_file(path) else images_of(context, word)[0]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read as lines: {error}", hint="it must be UTF-8 text") from None


def _told(found: ParsedMetadata) -> list[str]:
    """The program, the line, its fields, and what the line does not hold."""
    lines = [*_row("program", found.program), *_row("line", format_line(found.stages))]
    for number, stage in enumerate(found.stages, start=1):
        if found.earlier:
            lines.append(f"stage {number}")
        for switch in SWITCHES:
            value = getattr(stage, switch.field)
            if value is not None:
                lines += _row(switch.name[2:], _shown(switch, value))
    for name, value in found.facts.items():
        lines += _row(name, value)
    if found.provenance is not None:
        lines += _row("pixels", found.provenance.pixel_sha256)
        for name, made_with in found.provenance.environment.items():
            lines += _row(str(name), made_with)
    lines += [f"clash: {_one_line(text)}" for text in found.conflicts]
    return lines + [f"not carried over: {_one_line(text)}" for text in found.missing]


def _shown(switch: Switch, value: object) -> str:
    """A field's value as it is typed; prompts as what they say."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if switch.value.prompt_text else switch.value.format(value) or str(value)


def _row(name: str, value: object) -> list[str]:
    return [f"{_one_line(name):<15} {shortened(_one_line(str(value)), _MOST_RAW)}"] if str(value) else []


def _one_line(text: str) -> str:
    return sanitize_for_terminal(text).replace("\n", " ").replace("\t", " ")
