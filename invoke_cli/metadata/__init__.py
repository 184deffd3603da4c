"""Metadata formats: the table of codecs, what we write into a file, and what any file says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from invoke_cli.errors import ImageError, MetadataError
from invoke_cli.metadata.codec import Chunks, Codec, ParsedMetadata, Reading, Record
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

if TYPE_CHECKING:
    from invoke_cli.imaging.open_image import OpenedImage  # numpy and Pillow, when a picture is looked at

# In the order in which a file is tried.
CODECS: tuple[Codec, ...] = (
    INVOKEAI_3, InvokeAICodec(), SWARMUI, FOOOCUS, SD_CPP, A1111Codec(), COMFYUI, KOHYA, EASY_DIFFUSION, NOVELAI,
    FOOOCUS_MRE, DRAW_THINGS, MFLUX, IMAGINAIRY,
)  # fmt: skip

_SEED_IN_NAME = re.compile(r"\d+\.(\d{1,10})\.png", re.IGNORECASE)


def encode(record: Record) -> dict[str, str]:
    """The four chunks of a picture: `Dream`, `sd-metadata`, `parameters` and the XMP packet."""
    chunks: dict[str, str] = {}
    for codec in CODECS:
        chunks |= codec.encode(record)
    return chunks | {xmp.KEYWORD: xmp.packet(record)}


def decode(chunks: Chunks) -> ParsedMetadata | None:
    """What the chunks say, by the first codec that can read them; None when none knows them, MetadataError when those
    that do find them damaged.
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
    yield from plugins().rows(PluginKind.FORMAT, Reading)


def decode_image(opened: OpenedImage) -> ParsedMetadata | None:
    """What a picture says, in its texts or hidden in its pixels; None when it says nothing, MetadataError as above."""
    found = decode(parse_chunks(opened.data))
    return found if found is not None else _hidden(opened)


def recall(path: Path) -> ParsedMetadata:
    """What a picture says of how it was made; MetadataError when it says nothing."""
    data = read_bytes(path)
    recalled = decode(parse_chunks(data))
    if recalled is None or recalled.by_pixels:
        opened = _opened(data, path)
        recalled = recalled or (_hidden(opened) if opened else None)
        if recalled is not None and recalled.by_pixels and opened is not None:
            recalled = _sized(recalled, opened)
    if recalled is None:
        hint = "only the picture itself can be used, with -I"
        raise MetadataError(f"{path.name} does not say how it was made", hint=hint)
    return _seeded(recalled, path.name)


def _hidden(opened: OpenedImage) -> ParsedMetadata | None:
    from invoke_cli.metadata.containers.stealth import stealth_text

    return decode(stealth_text(opened))


def _opened(data: bytes, path: Path) -> OpenedImage | None:
    from invoke_cli.imaging.open_image import open_bytes

    try:
        return open_bytes(data, path.name)
    except ImageError:
        return None


def _sized(recalled: ParsedMetadata, opened: OpenedImage) -> ParsedMetadata:
    """The picture's own size where its text says none; a picture made from another has that one's."""
    request = recalled.request
    if request.width is not None or request.height is not None or request.strength is not None:
        return recalled
    return replace(recalled, request=replace(request, width=opened.size.width, height=opened.size.height))


def _seeded(recalled: ParsedMetadata, name: str) -> ParsedMetadata:
    """The seed from the file's name, `000017.42.png`, where the text says none."""
    match = _SEED_IN_NAME.fullmatch(name)
    if recalled.made is not None or recalled.stages[0].seeds is not None or match is None or recalled.earlier:
        return recalled
    seed = int(match[1])
    if seed >= 2**32:
        return recalled
    facts = {**recalled.facts, "seed": f"{seed}, from the file's name"}
    return replace(recalled, request=replace(recalled.request, seeds=(seed,)), facts=facts)
