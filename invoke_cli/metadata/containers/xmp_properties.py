"""What an XMP packet says: its properties by name, read as a stream, without a tree and without entities of its own."""

from __future__ import annotations

from collections.abc import Mapping
from xml.parsers import expat

from invoke_cli.metadata.containers.xmp import KEYWORD, SOURCE_TYPES

MAX_XMP = 1_000_000

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_NAMESPACES: Mapping[str, str] = {
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "https://github.com/leejet/stable-diffusion.cpp/ns/1.0/": "sdcpp",
    "http://ns.mflux.ai/1.0/": "mflux",
}
_MAX_PROPERTIES = 500


class _Refused(Exception):
    """The packet asks for more than a packet of properties needs."""


class _Reader:
    """Collects the text of every known property, whether it stands as an attribute, an element or a list in one."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.open: list[str] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        for key, value in attributes.items():
            if (known := _known(key)) is not None:
                self.found.setdefault(known, value)
        self.open.append(_known(name) or (self.open[-1] if self.open and name.startswith(_RDF) else ""))
        if len(self.found) > _MAX_PROPERTIES or len(self.open) > _MAX_PROPERTIES:
            raise _Refused

    def end(self, _: str) -> None:
        self.open.pop()

    def text(self, text: str) -> None:
        if self.open and self.open[-1]:
            name = self.open[-1]
            self.found[name] = self.found.get(name, "") + text

    def doctype(self, *_: object) -> None:
        raise _Refused


def read_xmp(chunks: Mapping[str, str]) -> dict[str, str]:
    """The properties of a picture's packet by name, such as `exif:UserComment`; empty for what is no packet."""
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
    except (expat.ExpatError, _Refused):
        return {}
    return {name: text.strip() for name, text in reader.found.items() if text.strip()}


def source_type(chunks: Mapping[str, str]) -> str:
    """The IPTC digital source type that the picture says of itself, without its address; empty when it says none."""
    value = read_xmp(chunks).get("Iptc4xmpExt:DigitalSourceType", "")
    code = value.removeprefix(SOURCE_TYPES)
    return code if code != value and code.isalpha() and len(code) < 60 else ""


def _known(name: str) -> str | None:
    for address, prefix in _NAMESPACES.items():
        if name.startswith(address):
            return f"{prefix}:{name[len(address) :]}"
    return None
