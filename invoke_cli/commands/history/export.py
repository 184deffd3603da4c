"""Commands that copy images: `!save` under descriptive names, `!strip` without metadata."""

from __future__ import annotations

import io
import zipfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PIL import Image

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import (
    SESSION,
    HistoryImage,
    history_images,
    is_history_reference,
    single_image,
)
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expand_path
from invoke_cli.errors import CommandError, OutputError
from invoke_cli.imaging.open_image import open_path, read_file
from invoke_cli.metadata.sheet_record import SheetImage, SheetRecord, sheet_line
from invoke_cli.output.files import output_errors, write_atomically
from invoke_cli.output.items import file_item
from invoke_cli.output.line_images import LineImages
from invoke_cli.output.names import fields_from_line, file_name
from invoke_cli.output.writer import Target

NAME_TEMPLATE = "{prefix}.{seed}.{prompt:40}.png"
_USAGE = (
    "!save last ~/pictures: copy images, with the prompt in their names; --zip writes one file; --fnformat TEMPLATE"
)


def save(context: SessionContext, call: Call) -> None:
    """Copy images to a folder or into a zip file, under descriptive names."""
    words = call.required(_USAGE)
    selected = [SESSION if word == "all" else word for word in words[:-1]]
    if not selected or is_history_reference(words[-1]) or not all(map(is_history_reference, selected)):
        raise CommandError("!save takes images, then a folder", hint=_USAGE)
    images = [image for image in history_images(context, selected) if image.path.is_file()]
    if not images:
        raise CommandError("none of these images exists any more", hint="!history lists the images")
    target = expand_path(words[-1])
    names = _unique_names(images, call.switches.get("--fnformat", NAME_TEMPLATE))
    target = _zip(target, names) if "--zip" in call.switches else _copy(target, names)
    _report(context, target, len(images))


def _report(context: SessionContext, target: Path, count: int) -> None:
    text = f"saved {count} image{'' if count == 1 else 's'} to {target}"
    context.say(text, items=[{"kind": "folder", "path": str(target), "images": count}])


def _unique_names(images: Sequence[HistoryImage], template: str) -> Mapping[str, Path]:
    """Map a unique file name to each image."""
    names: dict[str, Path] = {}
    lines: defaultdict[str, LineImages] = defaultdict(LineImages)
    for image in images:
        run = image.entry.run or str(image.path)
        place = lines[run].add(image.folder.path, image.entry.number)
        name = file_name(template, fields_from_line(image.entry, place))
        names[_free_name(name, lambda candidate: candidate in names)] = image.path
    return names


def _free_name(name: str, taken: Callable[[str], bool]) -> str:
    stem, count, candidate = name.removesuffix(".png"), 1, name
    while taken(candidate):
        count += 1
        candidate = f"{stem}-{count}.png"
    return candidate


def _copy(folder: Path, names: Mapping[str, Path]) -> Path:
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file, not a folder", hint="choose a folder")
    for name, path in names.items():
        free_name = _free_name(name, lambda candidate: (folder / candidate).exists())
        write_atomically(folder / free_name, read_file(path))
    return folder


def _zip(target: Path, names: Mapping[str, Path]) -> Path:
    path = target if target.suffix == ".zip" else target.with_name(f"{target.name}.zip")
    if path.exists():
        raise OutputError(f"{path} already exists", hint="choose another name")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, file in names.items():
            archive.write(file, name)
    with output_errors(path):
        write_atomically(path, buffer.getvalue())
    return path


def strip(context: SessionContext, call: Call) -> None:
    """Write a copy of an image without metadata."""
    path = single_image(context, call, "!strip 17: copy the image without its metadata")
    image = _bare_image(path)
    record = SheetRecord(kind="stripped", line=sheet_line("strip", [SheetImage(name=path.name)]))
    number, copy = context.writer.save_sheet(Target(folder=context.folder()), image, record, chunks={})
    text = f"[{number}] {copy}: a copy of {path.name} without metadata"
    context.say(text, items=[file_item(copy, number, record.line)])


def _bare_image(path: Path) -> Image.Image:
    """Return only the pixels of an image, upright, in sRGB and with their transparency."""
    opened = open_path(path)
    bare = opened.image.copy()
    if opened.alpha is not None:
        bare.putalpha(opened.alpha)
    return bare
