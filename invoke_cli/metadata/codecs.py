"""Metadata formats: the table of codecs, encoding for our files, and decoding of any file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from invoke_cli.errors import ImageError, MetadataError
from invoke_cli.metadata.codec import Chunks, Codec, ParsedMetadata, ReadOnlyFormat, Record
from invoke_cli.metadata.containers import xmp
from invoke_cli.metadata.containers.text_chunks import parse_chunks, read_bytes
from invoke_cli.metadata.formats.a1111 import A1111Codec
from invoke_cli.metadata.formats.comfyui import COMFYUI
from invoke_cli.metadata.formats.draw_things import DRAW_THINGS
from invoke_cli.metadata.formats.easy_diffusion import EASY_DIFFUSION
from invoke_cli.metadata.formats.fooocus import FOOOCUS, FOOOCUS_MRE
from invoke_cli.metadata.formats.imaginairy import IMAGINAIRY
from invoke_cli.metadata.formats.invokeai import InvokeAICodec
from invoke_cli.metadata.formats.invokeai3 import INVOKEAI_3
from invoke_cli.metadata.formats.kohya import KOHYA
from invoke_cli.metadata.formats.mflux import MFLUX
from invoke_cli.metadata.formats.novelai import NOVELAI
from invoke_cli.metadata.formats.sdcpp import SD_CPP
from invoke_cli.metadata.formats.swarmui import SWARMUI
from invoke_cli.plugins import PluginKind, plugins
from invoke_cli.request import MAX_SEED

if TYPE_CHECKING:
    from invoke_cli.imaging.open_image import OpenedImage  # imports numpy and Pillow; only needed for pixels

# In the order in which the formats are tried.
CODECS: tuple[Codec, ...] = (
    INVOKEAI_3, InvokeAICodec(), SWARMUI, FOOOCUS, SD_CPP, A1111Codec(), COMFYUI, KOHYA, EASY_DIFFUSION, NOVELAI,
    FOOOCUS_MRE, DRAW_THINGS, MFLUX, IMAGINAIRY,
)  # fmt: skip

_SEED_IN_NAME = re.compile(r"\d+\.(\d{1,20})\.png", re.IGNORECASE)


def encode(record: Record) -> dict[str, str]:
    """Return the four chunks of an image: `Dream`, `sd-metadata`, `parameters` and the XMP packet."""
    chunks: dict[str, str] = {}
    for codec in CODECS:
        chunks |= codec.encode(record)
    return chunks | {xmp.KEYWORD: xmp.packet(record)}


def decode(chunks: Chunks) -> ParsedMetadata | None:
    """Parse the chunks with the first codec that can read them; None if no codec recognises them.

    Raises:
        MetadataError: Every codec that recognises them finds them damaged.
    """
    first: MetadataError | None = None
    for codec in _all_formats():
        if not codec.sniff(chunks):
            continue
        try:
            return codec.decode(chunks)
        except MetadataError as error:
            first = first or error
    if first is not None:
        raise first
    return None


def _all_formats() -> Iterator[Codec]:
    """Yield the built-in formats, then those of plug-ins, which are imported only when they are reached."""
    yield from CODECS
    yield from plugins().rows(PluginKind.FORMAT, ReadOnlyFormat)


def decode_image(opened: OpenedImage) -> ParsedMetadata | None:
    """Parse the metadata in an image's text or hidden in its pixels; None if there is none.

    Raises:
        MetadataError: The metadata is damaged.
    """
    found = decode(parse_chunks(opened.data))
    return found if found is not None else _hidden(opened)


def recall(path: Path) -> ParsedMetadata:
    """Parse an image file's metadata, completing size and seed from its pixels and its name.

    Raises:
        MetadataError: The file cannot be read, or contains no generation metadata.
    """
    data = read_bytes(path)
    parsed = decode(parse_chunks(data))
    if parsed is None or parsed.size_from_pixels:
        opened = _opened(data, path)
        parsed = parsed or (_hidden(opened) if opened else None)
        if parsed is not None and parsed.size_from_pixels and opened is not None:
            parsed = _with_size(parsed, opened)
    if parsed is None:
        hint = "the image itself can be used with -I"
        raise MetadataError(f"{path.name} contains no generation metadata", hint=hint)
    return _with_seed(parsed, path.name)


def _hidden(opened: OpenedImage) -> ParsedMetadata | None:
    from invoke_cli.metadata.containers.stealth import stealth_text

    return decode(stealth_text(opened))


def _opened(data: bytes, path: Path) -> OpenedImage | None:
    from invoke_cli.imaging.open_image import open_bytes

    try:
        return open_bytes(data, path.name)
    except ImageError:
        return None


def _with_size(parsed: ParsedMetadata, opened: OpenedImage) -> ParsedMetadata:
    """Add the image's own size if the text contains none; an img2img result takes its init image's size instead."""
    request = parsed.request
    if request.width is not None or request.height is not None or request.strength is not None:
        return parsed
    return replace(parsed, request=replace(request, width=opened.size.width, height=opened.size.height))


def _with_seed(parsed: ParsedMetadata, name: str) -> ParsedMetadata:
    """Add the seed from the file's name, `000017.42.png`, if the text contains none."""
    match = _SEED_IN_NAME.fullmatch(name)
    if parsed.provenance is not None or parsed.stages[0].seeds is not None or match is None or parsed.earlier:
        return parsed
    seed = int(match[1])
    if seed > MAX_SEED:
        return parsed
    facts = {**parsed.facts, "seed": f"{seed}, from the file's name"}
    return replace(parsed, request=replace(parsed.request, seeds=(seed,)), facts=facts)
