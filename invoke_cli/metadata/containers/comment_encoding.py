"""Decode comments in EXIF: their first eight bytes may name a character set, but programs disagree on what it means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_HEADER = re.compile(rb"(?:UNICODE|ASCII|JIS)[\0 ]{1,5}|\0{8}", re.IGNORECASE)
_HEADER_LENGTH = 8
_CONTROLS = re.compile(rb"[\0-\x08\x0e-\x1f]")
_SAMPLE = 4_000
_INVALID = -3.0


def comment_text(data: bytes) -> str:
    """Decode a comment: valid UTF-8 as such, otherwise whichever of UTF-16 and others gives the most plausible text."""
    header = _HEADER.match(data[:_HEADER_LENGTH])
    named = header[0] if header and (len(header[0]) == _HEADER_LENGTH or header[0].rstrip(b"\0 ")) else b""
    body = data[_HEADER_LENGTH:] if named else data
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", errors="replace").strip("\0\ufeff")
    plain = body.strip(b"\0")
    if not _CONTROLS.search(plain) and (text := _decoded(plain, "utf-8")) is not None:
        return text.strip("\0\ufeff")
    encodings = ("utf-16-be", "utf-16-le", *(("shift_jis", "iso2022_jp") if named[:3].upper() == b"JIS" else ()))
    candidates = [text for encoding in encodings if (text := _decoded(body, encoding)) is not None]
    candidates.append(plain.decode("latin-1"))
    return max(candidates, key=_plausibility).strip("\0\ufeff")


def _decoded(body: bytes, encoding: str) -> str | None:
    """Decode; a half character at the end is dropped. None if the bytes are invalid."""
    if encoding.startswith("utf-16"):
        body = body[: len(body) // 2 * 2]
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        return None


def _plausibility(text: str) -> float:
    """Score the beginning of a text per byte that it was decoded from: the average worth of its characters."""
    sample = text[:_SAMPLE]
    if not sample:
        return _INVALID
    return sum(_worths(sample)) / len(sample)


def _worths(sample: str) -> Iterator[float]:
    """Yield what each character adds: much in everyday text, little if rare, a loss if invalid."""
    previous = 0
    for char in sample:
        code = ord(char)
        if " " <= char <= "~" or char in "\r\n":
            yield 1.0
        elif unicodedata.category(char) in ("Cn", "Co", "Cc", "Cs"):
            yield _INVALID
        elif code < 0x250:
            yield 0.3
        elif 0x4E00 <= code < 0xA000 or 0x3000 <= code < 0x3100 or 0xFF00 <= code < 0xFFF0 or code >= 0x1F000:
            yield 0.65
        else:
            # Letters of one alphabet stand side by side; in the wrong byte order each is from another.
            yield 0.7 if abs(code - previous) < 0x100 else -0.2
        previous = code
