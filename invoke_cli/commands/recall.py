"""Commands that read pictures: their line, all they say, making them again, checking them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.errors import CommandError, Interrupted, InvokeError, MetadataError, OutOfMemory
from invoke_cli.events import Level, Prefill
from invoke_cli.imaging.opening import open_path
from invoke_cli.language.formatting import format_line
from invoke_cli.metadata import decode, recall
from invoke_cli.metadata.chunks import SIGNATURE, harmless, read_chunks
from invoke_cli.metadata.codec import Recalled
from invoke_cli.models.samplers import is_sampler
from invoke_cli.request import GenerationRequest
from invoke_cli.workshop.places import expanded, is_file, is_there
from invoke_cli.workshop.references import find_image, is_recall
from invoke_cli.workshop.remaking import Verdict, compare, prepare_remake, remade
from invoke_cli.workshop.saving import Saver
from invoke_cli.workshop.workshop import Workshop

_IMAGE_STARTS = (SIGNATURE, b"\xff\xd8\xff", b"RIFF", b"GIF8", b"BM", b"II*\0", b"MM\0*")


def fetch(workshop: Workshop, call: Call) -> None:
    """Put the line that made a picture into the next prompt, and tell what does not fit into it."""
    path = _image(workshop, call, "!fetch picture.png: its line comes into the next prompt")
    recalled = recall(path)
    line = format_line([_usable(workshop, request) for request in recalled.stages])
    for text in recalled.conflicts:
        workshop.notice(harmless(text))
    for text in recalled.missing:
        workshop.notice(f"not carried over: {harmless(text)}")
    workshop.emit(Prefill(line=harmless(line)))


def info(workshop: Workshop, call: Call) -> None:
    """Show all that a picture says of itself."""
    path = _image(workshop, call, "!info picture.png: all that it says of itself")
    opened = open_path(path)
    lines = [f"{path}", f"size      {opened.size}", f"bytes     {len(opened.data)}", f"sha256    {opened.sha256}"]
    try:
        lines += _told(recall(path))
    except MetadataError as error:
        lines.append(error.message)
    lines += [f"-- {name}\n{harmless(text)}" for name, text in read_chunks(path).items()]
    workshop.say("\n".join(lines))


def replay(workshop: Workshop, call: Call) -> Sequence[str] | None:
    """Make a picture again, or do the lines of a file; which it is, its content tells."""
    words = call.required("!replay picture.png makes it again, !replay lines.txt does its lines")
    path = _file_or_image(workshop, words[0])
    if path.is_dir():
        raise CommandError(f"{path} is a folder", hint="name a picture or a file of lines in it")
    if not path.read_bytes()[:8].startswith(_IMAGE_STARTS):
        return _lines(path)
    remake = prepare_remake(workshop, path, output=True)
    for text in remake.prepared.plan.notices:
        workshop.notice(text)
    result = remade(workshop, remake)
    saver = Saver(workshop, workshop.target(remake.prepared.plan.output.outdir))
    saver.save(remake.prepared, result)
    saver.collect(wait=True)
    comparison = compare(workshop, remake, result)
    workshop.notice(f"{path.name}, made again: {comparison.verdict.value}")
    return None


def verify(workshop: Workshop, call: Call) -> None:
    """Make pictures again and say whether they are the same; fails when one differs."""
    failed = 0
    words = call.required("!verify picture.png: made again, and compared")
    for word in words:
        paths = _matching(workshop, word)
        for path in paths if len(paths) == 1 else [path for path in paths if _says_something(workshop, path)]:
            workshop.check_stopped()
            failed += not _verified(workshop, path)
    if failed:
        raise CommandError(f"{failed} of the pictures differ or cannot be verified", hint="the reasons stand above")


def _verified(workshop: Workshop, path: Path) -> bool:
    """Verify one picture and say how it went; whether it could be made again."""
    try:
        remake = prepare_remake(workshop, path)
        comparison = compare(workshop, remake, remade(workshop, remake))
    except (Interrupted, OutOfMemory):
        raise
    except InvokeError as error:
        workshop.notice(f"{path}: cannot be verified: {error.message}", Level.WARNING)
        return False
    workshop.say("\n".join([f"{path}: {comparison.verdict.value}", *(f"  {text}" for text in comparison.reasons)]))
    return comparison.verdict is not Verdict.DIFFERS


def _says_something(workshop: Workshop, path: Path) -> bool:
    """Whether a picture of a pattern says how it was made; strips and grids do not."""
    if decode(read_chunks(path)) is not None:
        return True
    workshop.notice(f"{path}: left out, it does not say how it was made")
    return False


# -- parts -----------------------------------------------------------------------------------------------------------


def _image(workshop: Workshop, call: Call, usage: str) -> Path:
    words = call.required(usage)
    if len(words) > 1:
        raise CommandError(f"!{call.name} takes one picture", hint="put a name with blanks in quotes")
    return _matching(workshop, words[0])[0]


def _matching(workshop: Workshop, word: str) -> list[Path]:
    """The pictures that a word names: a pattern's files, else what a reference means; a bare number is an image's."""
    path = expanded(word)
    if any(char in word for char in "*?[") and not is_there(path):
        found = sorted(path.parent.glob(path.name))
        if not found:
            raise CommandError(f"no file matches {word}", hint="check the pattern")
        return found
    folder = workshop.latest or workshop.folder() if is_recall(word) else workshop.folder()
    return [find_image(f"!{word}" if word.isdigit() else word, folder)]


def _file_or_image(workshop: Workshop, word: str) -> Path:
    path = expanded(word)
    return path if is_file(path) else _matching(workshop, word)[0]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read as lines: {error}", hint="it must be UTF-8 text") from None


def _usable(workshop: Workshop, request: GenerationRequest) -> GenerationRequest:
    """The request without what would fail here: an unknown model or sampler."""
    said = request.said()
    if request.model not in workshop.settings.registry.models and "model" in said:
        workshop.notice(f"not carried over: model {harmless(str(said.pop('model')))}, which is not known here")
    if "scheduler" in said and not is_sampler(str(said["scheduler"])):
        workshop.notice(f"not carried over: sampler {harmless(str(said.pop('scheduler')))}")
    return GenerationRequest.of(said)


def _told(recalled: Recalled) -> list[str]:
    lines = [f"program   {harmless(recalled.program)}", f"line      {harmless(format_line(recalled.stages))}"]
    lines += [f"{name:<9} {harmless(value)}" for name, value in recalled.facts.items()]
    lines += [f"conflict  {harmless(text)}" for text in recalled.conflicts]
    lines += [f"not known {harmless(text)}" for text in recalled.missing]
    if recalled.made is not None:
        lines.append(f"pixels    {recalled.made.pixel_sha256}")
        lines += [f"{name:<9} {value}" for name, value in recalled.made.environment.items()]
    return lines
