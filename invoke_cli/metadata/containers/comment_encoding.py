"""Decode comments in EXIF: their first eight bytes may name a character set, but programs disagree on what it means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_EVERYDAY = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef\U0001f000-\U0010ffff]")
_HEADER = re.compile(rb"(?:UNICODE|ASCII|JIS)[\0 ]{1,5}|\0{8}", re.IGNORECASE)
_HEADER_LENGTH = 8
_CONTROLS = re.compile(rb"[\0-\x08\x0e-\x1f]")
_WIDE, _JAPANESE = ("utf-16-be", "utf-16-le"), ("shift_jis", "iso2022_jp")
_SAMPLE = 4_000
_INVALID = -3.0


def comment_text(data: bytes) -> str:
    """Decode a comment: valid UTF-8 as such, otherwise whichever of UTF-16 and others gives the most plausible text."""
    is_headed = _HEADER.match(data[:_HEADER_LENGTH]) is not None
    body = data[_HEADER_LENGTH:] if is_headed else data
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", errors="replace").strip("\0\ufeff")
    plain = body.strip(b"\0")
    if not _CONTROLS.search(plain) and (text := _decoded(plain, "utf-8")) is not None:
        return text.strip("\0\ufeff")
    encodings = (*_WIDE, *(_JAPANESE if data[:3].upper() == b"JIS" else ()))
    candidates = [_decoded(body, encoding) or "" for encoding in encodings]
    return max(*candidates, plain.decode("latin-1"), key=_plausibility).strip("\0\ufeff")


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
        elif _EVERYDAY.match(char):
            yield 0.65
        else:
            # Letters of one alphabet stand side by side; in the wrong byte order each is from another.
            yield 0.7 if abs(code - previous) < 0x100 else -0.2
        previous = code
