"""Metadata formats: the table of codecs, what we write into a file, and what any file says."""

from __future__ import annotations

from pathlib import Path

from invoke_cli.errors import MetadataError
from invoke_cli.metadata import xmp
from invoke_cli.metadata.a1111 import A1111Codec
from invoke_cli.metadata.chunks import read_chunks
from invoke_cli.metadata.codec import Chunks, Codec, Recalled, Record
from invoke_cli.metadata.invokeai import InvokeAICodec

# In the order in which a file is tried.
CODECS: tuple[Codec, ...] = (InvokeAICodec(), A1111Codec())


def encode(record: Record) -> dict[str, str]:
    """The four chunks of a picture: `Dream`, `sd-metadata`, `parameters` and the XMP packet."""
    chunks: dict[str, str] = {}
    for codec in CODECS:
        chunks |= codec.encode(record)
    return chunks | {xmp.KEYWORD: xmp.packet(record)}


def decode(chunks: Chunks) -> Recalled | None:
    """What the chunks say, by the first codec that knows them; None when none does."""
    for codec in CODECS:
        if codec.sniff(chunks):
            return codec.decode(chunks)
    return None


def recall(path: Path) -> Recalled:
    """What a picture says of how it was made; MetadataError when it says nothing."""
    recalled = decode(read_chunks(path))
    if recalled is None:
        hint = "only the picture itself can be used, with -I"
        raise MetadataError(f"{path.name} does not say how it was made", hint=hint)
    return recalled
