"""Commands that relate images: `!tree` shows ancestors and descendants, `!diff` the differences between two."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import find_images
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.events import Item
from invoke_cli.generation.contact_sheets import Subject, open_subject
from invoke_cli.imaging.sheets.grids import distance
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.language.switches.table import by_field
from invoke_cli.output.entries import Entry, Parent
from invoke_cli.output.folder import OutputFolder
from invoke_cli.replay.latent_images import image_stem
from invoke_cli.request import GenerationRequest

_MAX_DEPTH = 50
_MAX_LINES = 500
_DIFF_USAGE = "!diff 16 17: compare the settings and the pixels of two images"


def tree(context: SessionContext, call: Call) -> None:
    """Show the images that an image was generated from, and those generated from it."""
    words = call.required("!tree 17: show the ancestors and descendants of an image")
    folder = context.folder()
    for word in words:
        for path in find_images(context, word):
            relatives = list(itertools.islice(_Tree(folder, path).relatives(), _MAX_LINES))
            text = "\n".join(map(_relative_text, relatives))
            context.say(text, items=[_relative_item(folder, each) for each in relatives])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Image:
    """An image of a tree. `number` is set for an image of the history, `entry` unless it was removed from it."""

    file: Parent
    number: int | None = None
    entry: Entry | None = None

    @property
    def identity(self) -> int | str:
        """What distinguishes it: identical files are different images of the history."""
        return self.number if self.number is not None else self.file.sha256

    @property
    def label(self) -> str:
        entry = self.entry
        return sanitize_for_terminal(
            self.file.name if entry is None else f"[{entry.number}] {entry.path}: {entry.line}"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Relative:
    """An image at its place in a tree: `depth` is 0 for the first ancestors; `requested` marks that of the command."""

    image: _Image
    depth: int
    requested: bool


def _relative_text(each: _Relative) -> str:
    return f"{'  ' * each.depth}{each.image.label}{'  <- this one' if each.requested else ''}"


def _relative_item(folder: OutputFolder, each: _Relative) -> Item:
    file, entry = each.image.file, each.image.entry
    return {
        "kind": "relative",
        "depth": each.depth,
        "requested": each.requested,
        "number": each.image.number,
        "name": Path(file.name).name,
        "sha256": file.sha256,
        "path": None if entry is None else str(folder.path_of(entry)),
        "line": None if entry is None else entry.line,
    }


class _Tree:
    """The relatives of one image, in the order in which they are shown."""

    def __init__(self, folder: OutputFolder, path: Path) -> None:
        self.history = folder.history
        self.requested = self._find(folder, path)
        self.shown: set[int | str] = set()

    def relatives(self) -> Iterator[_Relative]:
        """Yield each relative, from the first ancestors to the last descendants."""
        for root in self._roots(self.requested, set()):
            yield from self._descendants(root, 0)

    def _find(self, folder: OutputFolder, path: Path) -> _Image:
        """Return the image at a path: that of the history, also if the file is a copy of it."""
        entry = self.history.by_path(folder.relative_name(path))
        shown = open_subject(path).shown
        entry = entry or self.history.by_hash(shown.sha256)
        return _Image(file=Parent(path.name, shown.sha256)) if entry is None else _from_entry(entry)

    def _roots(self, image: _Image, visited: set[int | str]) -> Iterator[_Image]:
        """Yield each ancestor without known ancestors of its own, once."""
        if image.identity in visited:
            return
        visited.add(image.identity)
        parents = list(self._parents(image))
        if not parents or len(visited) > _MAX_DEPTH:
            yield image
            return
        for parent in parents:
            yield from self._roots(parent, visited)

    def _parents(self, image: _Image) -> Iterator[_Image]:
        """Yield the images that an image was generated from; saved latents only if their image is unknown."""
        parents = self.history.parents(image.number) if image.number is not None else []
        stems = {Path(file.name).stem for file, _ in parents}
        for file, number in parents:
            if image_stem(file.name) not in stems:
                entry = self.history.by_hash(file.sha256) if number is None else self.history.get(number)
                yield _Image(file=file, number=number, entry=None) if entry is None else _from_entry(entry)

    def _descendants(self, image: _Image, depth: int) -> Iterator[_Relative]:
        yield _Relative(image=image, depth=depth, requested=image.identity == self.requested.identity)
        if depth > _MAX_DEPTH or image.identity in self.shown:
            return
        self.shown.add(image.identity)
        for child in self.history.children(image.number, image.file.sha256):
            yield from self._descendants(_from_entry(child), depth + 1)


def _from_entry(entry: Entry) -> _Image:
    return _Image(file=Parent(entry.path, entry.sha256), number=entry.number, entry=entry)


def diff(context: SessionContext, call: Call) -> None:
    """Show the settings in which two images differ, and the distance between their pixels."""
    words = call.required(_DIFF_USAGE)
    paths = [path for word in words for path in find_images(context, word)]
    if len(paths) != 2:
        raise CommandError(f"!diff takes two images, not {len(paths)}", hint=_DIFF_USAGE)
    first, second = (open_subject(path) for path in paths)
    changes = list(_differences(first, second))
    pixels = _pixels(first, second)
    text = "\n".join([*_settings_text(first, second, changes), pixels.text])
    context.say(text, items=[*map(_change_item, changes), pixels.item])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Change:
    """A setting that differs: its values as typed, None where it is not set. Stages count from 1."""

    stage: int
    name: str
    old: str | None
    new: str | None

    @property
    def text(self) -> str:
        old, new = ("none" if value is None else value for value in (self.old, self.new))
        return sanitize_for_terminal(f"{self.name}: {old} -> {new}")


def _change_item(change: _Change) -> Item:
    return {
        "kind": "difference",
        "stage": change.stage,
        "name": change.name,
        "first": change.old,
        "second": change.new,
    }


def _settings_text(first: Subject, second: Subject, changes: Sequence[_Change]) -> Iterator[str]:
    for each in (first, second):
        if not each.stages:
            yield f"{each.path.name} contains no generation metadata"
    if not (first.stages and second.stages):
        return
    if len(first.stages) != len(second.stages):
        yield f"stages: {len(first.stages)} -> {len(second.stages)}"
    for change in changes:
        stage = f"stage {change.stage}, " if len(first.stages) > 1 else ""
        yield f"{stage}{change.text}"
    if not changes:
        yield "the settings are identical"


def _differences(first: Subject, second: Subject) -> Iterator[_Change]:
    """Yield the settings that differ between the stages that both images have."""
    for number, stages in enumerate(zip(first.stages, second.stages, strict=False), start=1):
        for field in dict.fromkeys(name for stage in stages for name in stage.set_fields()):
            old, new = (_value(request, field) for request in stages)
            if old != new:
                yield _Change(stage=number, name=by_field()[field].name[2:], old=old, new=new)


def _value(request: GenerationRequest, field: str) -> str | None:
    value = getattr(request, field)
    if value is None:
        return None
    return str(value) if field == "prompt" else format_line([GenerationRequest.of({field: value})])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pixels:
    """The comparison of the pixels of two images, as text and as an item."""

    text: str
    item: Item


def _pixels(first: Subject, second: Subject) -> _Pixels:
    first_image, second_image = first.opened.image, second.opened.image
    item: dict[str, object] = {"kind": "pixels", "first_size": first_image.size, "second_size": second_image.size}
    sizes = ""
    if first_image.size != second_image.size:
        sizes = f"sizes: {first_image.width}x{first_image.height} -> {second_image.width}x{second_image.height}\n"
        second_image = second_image.resize(first_image.size)
    difference = distance(first_image, second_image)
    item |= {"mean": difference.mean, "maximum": difference.most, "share": difference.share}
    if difference.most == 0:
        return _Pixels(text=f"{sizes}the pixels are identical", item=item)
    summary = f"mean difference {difference.mean:.1f} of 255, maximum {difference.most}; {difference.share:.0%} differ"
    return _Pixels(text=f"{sizes}pixels: {summary}", item=item)
