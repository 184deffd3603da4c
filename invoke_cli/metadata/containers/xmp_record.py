"""Keep the whole record of an image in its XMP packet, for formats that have no text chunks of their own."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

from invoke_cli.documents import parse_json
from invoke_cli.metadata.containers.png import MAX_TEXT_OF_ALL
from invoke_cli.metadata.containers.xmp import KEYWORD
from invoke_cli.metadata.containers.xmp_properties import RECORD, RECORD_NAMESPACE, read_xmp

ENCODING = "encoding"

_KEPT = ("Dream", "sd-metadata", "parameters", ENCODING)
_LONG = 30_000
_COMPRESSED = "zlib:"
_END = "</rdf:RDF>"
_BLOCK = re.compile(rf'<rdf:Description rdf:about="" xmlns:invoke="{re.escape(RECORD_NAMESPACE)}"[^<>]*/>\n')


def with_record(packet: str, chunks: Mapping[str, str], encoding: str) -> str:
    """Return the packet with the chunks and the encoding of the file in a block of its own."""
    kept = {name: text for name, text in {**chunks, ENCODING: encoding}.items() if name in _KEPT}
    text = quoteattr(_packed(json.dumps(kept, ensure_ascii=True)))
    block = f'<rdf:Description rdf:about="" xmlns:invoke="{RECORD_NAMESPACE}" {RECORD}={text}/>\n'
    return packet.replace(_END, block + _END, 1)


def _packed(text: str) -> str:
    """Compress a long text, since a segment of a JPEG file holds 64 kB."""
    if len(text) < _LONG:
        return text
    return _COMPRESSED + base64.b64encode(zlib.compress(text.encode("ascii"), 9)).decode("ascii")


def _unpacked(text: str) -> str:
    if not text.startswith(_COMPRESSED):
        return text
    try:
        inflater = zlib.decompressobj()
        data = inflater.decompress(base64.b64decode(text.removeprefix(_COMPRESSED)), MAX_TEXT_OF_ALL)
    except (ValueError, zlib.error):
        return ""
    return data.decode("ascii", errors="replace") if inflater.eof else ""


def expand_record(chunks: dict[str, str]) -> dict[str, str]:
    """Return the chunks of a file with those in its packet; the packet itself as it was without them."""
    packet = chunks.get(KEYWORD, "")
    if RECORD_NAMESPACE not in packet:
        return chunks
    try:
        record = parse_json(_unpacked(read_xmp(chunks).get(RECORD, "")))
    except (ValueError, RecursionError):
        return chunks
    if not isinstance(record, dict):
        return chunks
    kept = {name: text for name, text in record.items() if name in _KEPT and isinstance(text, str)}
    return {**kept, **chunks, KEYWORD: _BLOCK.sub("", packet, count=1)}
