"""Parse the properties of an XMP packet as a stream, without building a tree and without custom entities."""

from __future__ import annotations

from collections.abc import Mapping
from xml.parsers import expat

from invoke_cli.metadata.containers.xmp import KEYWORD, SOURCE_TYPES

MAX_XMP = 4_000_000
RECORD_NAMESPACE = "urn:invoke-cli:record:1/"
RECORD = "invoke:record"

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_NAMESPACES: Mapping[str, str] = {
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "https://github.com/leejet/stable-diffusion.cpp/ns/1.0/": "sdcpp",
    "http://ns.mflux.ai/1.0/": "mflux",
    RECORD_NAMESPACE: "invoke",
}
_MAX_PROPERTIES = 500


class _TooComplex(Exception):
    """The packet contains more than a packet of properties needs."""


class _Reader:
    """Collects the text of every known property, whether it is an attribute, an element or a list."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.open: list[str] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        for key, value in attributes.items():
            if (short_name := _short_name(key)) is not None:
                self.found.setdefault(short_name, value)
        self.open.append(_short_name(name) or (self.open[-1] if self.open and name.startswith(_RDF) else ""))
        if len(self.found) > _MAX_PROPERTIES or len(self.open) > _MAX_PROPERTIES:
            raise _TooComplex

    def end(self, _: str) -> None:
        self.open.pop()

    def text(self, text: str) -> None:
        if self.open and self.open[-1]:
            name = self.open[-1]
            self.found[name] = self.found.get(name, "") + text

    def doctype(self, *_: object) -> None:
        raise _TooComplex


def read_xmp(chunks: Mapping[str, str]) -> dict[str, str]:
    """Return the properties of an image's packet by name, e.g. `exif:UserComment`; empty if it is invalid."""
    packet = chunks.get(KEYWORD, "")
    if not packet or len(packet) > MAX_XMP:
        return {}
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator="")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.buffer_text = True
    try:
        parser.Parse(packet.strip("\0\ufeff \n").encode("utf-8", errors="replace"), True)
    except (expat.ExpatError, _TooComplex):
        return {}
    return {name: text.strip() for name, text in reader.found.items() if text.strip()}


def source_type(chunks: Mapping[str, str]) -> str:
    """Return the image's IPTC digital source type without its URI prefix; empty if it has none."""
    value = read_xmp(chunks).get("Iptc4xmpExt:DigitalSourceType", "")
    code = value.removeprefix(SOURCE_TYPES)
    return code if code != value and code.isalpha() and len(code) < 60 else ""


def _short_name(name: str) -> str | None:
    for address, prefix in _NAMESPACES.items():
        if name.startswith(address):
            return f"{prefix}:{name[len(address) :]}"
    return None
