"""Sanitise untrusted text for display in a terminal."""

from __future__ import annotations

import re

# Control characters, marks of direction, characters without width and tags: none of them shows, or shows as it is.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


def sanitize_for_terminal(text: str) -> str:
    """Replace control, formatting and zero-width characters with escapes such as `\\x1b`; keep line breaks and tabs."""
    return _UNSEEN.sub(_escape, text)


def unseen_characters() -> dict[str, str]:
    """Return the characters of the basic plane that are replaced, with their escapes."""
    every = "".join(map(chr, (*range(0x2070), *range(0x3164, 0x3165), *range(0xFEFF, 0xFFFC))))
    return {match.group(): _escape(match) for match in _UNSEEN.finditer(every)}


def _escape(match: re.Match[str]) -> str:
    number = ord(match.group())
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def without_marks(text: str) -> str:
    """Remove byte order marks: of the file, and of others that were appended to it."""
    return text.replace("\ufeff", "")


def shortened(text: str, most: int) -> str:
    """Truncate text to `most` characters and append how many more there are."""
    return text if len(text) <= most else f"{text[:most]} … ({len(text) - most} more characters)"
