"""Commands on how pictures hang together: `!tree`, what was made from what, and `!diff`, how two differ."""

from __future__ import annotations

from collections.abc import Iterator

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import images_of
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.generation.contact_sheets import Subject, subject
from invoke_cli.imaging.sheets.sheets import distance
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.language.switches.table import by_field
from invoke_cli.output.entries import Entry, Parent
from invoke_cli.output.folder import OutputFolder
from invoke_cli.request import GenerationRequest

_DEEPEST = 50
_MOST = 500
_DIFF = "!diff 16 17: the settings and the pixels in which they differ"


def tree(context: SessionContext, call: Call) -> None:
    """Show what a picture was made from, and what was made from it."""
    words = call.required("!tree 17: what it was made from, and what was made from it")
    folder = context.folder()
    for word in words:
        for path in images_of(context, word):
            asked = subject(path).shown
            lines = list(_Tree(folder, asked.sha256).lines(Parent(path.name, asked.sha256)))
            context.say("\n".join(lines[:_MOST]))


class _Tree:
    """The kin of one picture, as indented lines; `asked` is its hash."""

    def __init__(self, folder: OutputFolder, asked: str) -> None:
        self.folder, self.asked = folder, asked
        self.told: set[str] = set()

    def lines(self, picture: Parent) -> Iterator[str]:
        """From the first ancestors down to the last descendants."""
        for root in self._roots(picture, set()):
            yield from self._below(root, self.folder.history.by_hash(root.sha256), 0)

    def _roots(self, picture: Parent, passed: set[str]) -> Iterator[Parent]:
        """The ancestors that nothing known is an ancestor of, each once."""
        if picture.sha256 in passed:
            return
        passed.add(picture.sha256)
        entry = self.folder.history.by_hash(picture.sha256)
        if entry is None or not entry.parents or len(passed) > _DEEPEST:
            yield picture
            return
        for parent in entry.parents:
            yield from self._roots(parent, passed)

    def _below(self, picture: Parent, entry: Entry | None, depth: int) -> Iterator[str]:
        mark = "  <- this one" if picture.sha256 == self.asked else ""
        yield f"{'  ' * depth}{_named(picture, entry)}{mark}"
        if depth > _DEEPEST or picture.sha256 in self.told:
            return
        self.told.add(picture.sha256)
        for child in self.folder.history.children(picture.sha256):
            yield from self._below(Parent(child.path, child.sha256), child, depth + 1)


def _named(picture: Parent, entry: Entry | None) -> str:
    return sanitize_for_terminal(picture.name if entry is None else f"[{entry.number}] {entry.path}: {entry.line}")


def diff(context: SessionContext, call: Call) -> None:
    """Say in which settings two pictures differ, and how far their pixels are apart."""
    words = call.required(_DIFF)
    paths = [path for word in words for path in images_of(context, word)]
    if len(paths) != 2:
        raise CommandError(f"!diff takes two pictures, not {len(paths)}", hint=_DIFF)
    first, second = (subject(path) for path in paths)
    context.say("\n".join([*_settings(first, second), _pixels(first, second)]))


def _settings(first: Subject, second: Subject) -> Iterator[str]:
    for each in (first, second):
        if not each.stages:
            yield f"{each.path.name} does not say how it was made"
    if not (first.stages and second.stages):
        return
    if len(first.stages) != len(second.stages):
        yield f"stages: {len(first.stages)} -> {len(second.stages)}"
    told = False
    for number, stages in enumerate(zip(first.stages, second.stages, strict=False), start=1):
        stage = f"stage {number}, " if len(first.stages) > 1 else ""
        for name, was, is_now in _differing(*stages):
            told = True
            yield sanitize_for_terminal(f"{stage}{name}: {was} -> {is_now}")
    if not told:
        yield "the settings are the same"


def _differing(first: GenerationRequest, second: GenerationRequest) -> Iterator[tuple[str, str, str]]:
    for field in dict.fromkeys([*first.set_fields(), *second.set_fields()]):
        was, is_now = (_value(request, field) for request in (first, second))
        if was != is_now:
            yield by_field()[field].name[2:], was, is_now


def _value(request: GenerationRequest, field: str) -> str:
    value = getattr(request, field)
    if value is None:
        return "none"
    return str(value) if field == "prompt" else format_line([GenerationRequest.of({field: value})])


def _pixels(first: Subject, second: Subject) -> str:
    one, other = first.opened.image, second.opened.image
    sizes = ""
    if one.size != other.size:
        sizes = f"sizes: {one.width}x{one.height} -> {other.width}x{other.height}\n"
        other = other.resize(one.size)
    apart = distance(one, other)
    if apart.most == 0:
        return f"{sizes}the pixels are the same"
    told = f"{apart.mean:.1f} of 255 apart on average, {apart.most} at most, {apart.share:.0%} of them differ"
    return f"{sizes}pixels: {told}"
