"""Read the metadata of an image; if it was stripped, look up the pixels in the history."""

from __future__ import annotations

from pathlib import Path

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import is_file
from invoke_cli.errors import ImageError, InvokeError, MetadataError
from invoke_cli.imaging.open_image import open_path
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.metadata.codec import ParsedMetadata
from invoke_cli.metadata.codecs import recall
from invoke_cli.output.entries import Entry
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.png import pixel_hash
from invoke_cli.version import __version__

FROM_HISTORY = "the history of this folder"


def read_metadata(context: SessionContext, path: Path) -> ParsedMetadata:
    """Return the metadata of an image or, if it was stripped, that of the image in the history with the same pixels.

    Raises:
        MetadataError: Neither exists.
    """
    try:
        return recall(path)
    except MetadataError as error:
        found = _find_by_pixels(context, path)
        if found is None:
            raise
        folder, entry = found
        context.notice(f"{path.name}: {error.message}; its pixels match image {entry.number}")
    original = folder.path_of(entry)
    if is_file(original) and original.resolve() != path.resolve():
        try:
            return recall(original)
        except MetadataError:
            pass  # also stripped; the history still has its line
    return _from_line(entry)


def _find_by_pixels(context: SessionContext, path: Path) -> tuple[OutputFolder, Entry] | None:
    """Find the image in the history with exactly these pixels, and its folder."""
    try:
        pixels = pixel_hash(open_path(path).image)
    except ImageError:
        return None
    for folder in dict.fromkeys((context.recent_folder(), context.folder())):
        entry = folder.history.by_pixel_hash(pixels)
        if entry is not None:
            return folder, entry
    return None


def _from_line(entry: Entry) -> ParsedMetadata:
    """Parse the line of an image in the history."""
    try:
        parsed = parse(entry.line)
    except InvokeError as error:
        raise MetadataError(f"cannot parse the line of image {entry.number}: {error.message}") from None
    if not isinstance(parsed, Generation):
        raise MetadataError(f"image {entry.number} is a sheet of other images", hint=f"!{entry.number} shows its line")
    stages = [stage.request for stage in parsed.stages]
    program = f"invoke {__version__}, from {FROM_HISTORY}"
    return ParsedMetadata(program=program, request=stages[-1], earlier=tuple(stages[:-1]))
