"""Commands that give copies away: `!save` under descriptive names, `!strip` without metadata."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageOps

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import SESSION, Numbered, means_images, numbered, one_image
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expanded
from invoke_cli.errors import CommandError, ImageError, OutputError
from invoke_cli.imaging.open_image import open_path, read_file
from invoke_cli.metadata.sheet_record import SheetImage, SheetRecord, sheet_line
from invoke_cli.output.files import output_errors, write_whole
from invoke_cli.output.names import file_name, names_of

SAVED_AS = "{prefix}.{seed}.{prompt:40}.png"
_USAGE = "!save last ~/pictures: copies with the prompt in their names; --zip for one file; --fnformat TEMPLATE"


def save(context: SessionContext, call: Call) -> None:
    """Copy images to a folder, or into a zip, under names that say what they are."""
    words, template, zipped = _options(call.required(_USAGE))
    wanted = [SESSION if word == "all" else word for word in words[:-1]]
    if not wanted or means_images(words[-1]) or not all(map(means_images, wanted)):
        raise CommandError("!save takes images and then a folder", hint=_USAGE)
    images = [image for image in numbered(context, wanted) if image.path.is_file()]
    if not images:
        raise CommandError("none of these images is there any more", hint="!history lists what is")
    target = expanded(words[-1])
    named = _named(images, template)
    target = _zip(target, named) if zipped else _copy(target, named)
    context.say(f"{len(images)} image{'' if len(images) == 1 else 's'} saved to {target}")


def _options(words: Sequence[str]) -> tuple[list[str], str, bool]:
    """The words without options, the template, and whether a zip is wanted."""
    rest, template = list(words), SAVED_AS
    if "--fnformat" in rest[:-1]:
        place = rest.index("--fnformat")
        template = rest[place + 1]
        del rest[place : place + 2]
    zipped = "--zip" in rest
    return [word for word in rest if word != "--zip"], template, zipped


def _named(images: Sequence[Numbered], template: str) -> Mapping[str, Path]:
    """A name of its own for each image."""
    named: dict[str, Path] = {}
    for image in images:
        name = file_name(template, names_of(image.entry.number, image.entry.line, image.entry.seed))
        named[_free(name, lambda candidate: candidate in named)] = image.path
    return named


def _free(name: str, taken: Callable[[str], bool]) -> str:
    stem, count, candidate = name.removesuffix(".png"), 1, name
    while taken(candidate):
        count += 1
        candidate = f"{stem}-{count}.png"
    return candidate


def _copy(folder: Path, named: Mapping[str, Path]) -> Path:
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file, not a folder", hint="name a folder")
    for name, path in named.items():
        free = _free(name, lambda candidate: (folder / candidate).exists())
        write_whole(folder / free, read_file(path))
    return folder


def _zip(target: Path, named: Mapping[str, Path]) -> Path:
    path = target if target.suffix == ".zip" else target.with_name(f"{target.name}.zip")
    if path.exists():
        raise OutputError(f"{path} is there already", hint="choose another name")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, file in named.items():
            archive.write(file, name)
    with output_errors(path):
        write_whole(path, buffer.getvalue())
    return path


def strip(context: SessionContext, call: Call) -> None:
    """Write a copy of a picture that says nothing of itself."""
    path = one_image(context, call, "!strip 17: a copy without metadata")
    bare = _bare(path)
    record = SheetRecord(kind="stripped", line=sheet_line("strip", [SheetImage(name=path.name)]))
    number, copy = context.writer.save_sheet(context.folder(), bare, record, told=False)
    context.say(f"[{number}] {copy}: the pixels of {path.name} and nothing else")


def _bare(path: Path) -> Image.Image:
    """The pixels of a picture, upright, with their transparency and nothing else."""
    opened = open_path(path)
    if opened.alpha is None:
        return opened.image.copy()
    with Image.open(io.BytesIO(opened.data)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGBA")
    if upright.size != opened.image.size:
        raise ImageError(f"{path} cannot be copied", hint="save it as PNG first")
    return Image.merge("RGBA", upright.split())
