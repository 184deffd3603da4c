"""What is known of a picture whose file says nothing: its pixels are looked for in the history."""

from __future__ import annotations

from pathlib import Path

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import is_file
from invoke_cli.errors import ImageError, InvokeError, MetadataError
from invoke_cli.imaging.open_image import open_path
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.metadata import recall
from invoke_cli.metadata.codec import ParsedMetadata
from invoke_cli.output.entries import Entry
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.png import pixel_hash
from invoke_cli.version import __version__

FROM_HISTORY = "the history of this folder"


def recalled(context: SessionContext, path: Path) -> ParsedMetadata:
    """What a picture says of how it was made; where its metadata was stripped, what the history knows of its pixels.
    MetadataError when neither tells anything.
    """
    try:
        return recall(path)
    except MetadataError as error:
        found = _remembered(context, path)
        if found is None:
            raise
        folder, entry = found
        context.notice(f"{path.name}: {error.message}; its pixels are those of image {entry.number}")
    original = folder.path_of(entry)
    if is_file(original) and original.resolve() != path.resolve():
        try:
            return recall(original)
        except MetadataError:
            pass  # it was stripped too: its line is known all the same
    return _from_line(entry)


def _remembered(context: SessionContext, path: Path) -> tuple[OutputFolder, Entry] | None:
    """The image of the history that has exactly these pixels, and its folder."""
    try:
        wanted = pixel_hash(open_path(path).image)
    except ImageError:
        return None
    for folder in dict.fromkeys((context.recent_folder(), context.folder())):
        entry = folder.history.with_pixels(wanted)
        if entry is not None:
            return folder, entry
    return None


def _from_line(entry: Entry) -> ParsedMetadata:
    """What an image's line in the history says."""
    try:
        parsed = parse(entry.line)
    except InvokeError as error:
        raise MetadataError(f"the line of image {entry.number} cannot be read: {error.message}") from None
    if not isinstance(parsed, Generation):
        raise MetadataError(f"image {entry.number} is made of other pictures", hint=f"!{entry.number} shows its line")
    stages = [stage.request for stage in parsed.stages]
    program = f"invoke {__version__}, from {FROM_HISTORY}"
    return ParsedMetadata(program=program, request=stages[-1], earlier=tuple(stages[:-1]))
