"""Sanitise untrusted text for display in a terminal."""

from __future__ import annotations

import re

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def sanitize_for_terminal(text: str) -> str:
    """Replace control and bidirectional formatting characters with U+FFFD; keep line breaks and tabs."""
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)


def without_marks(text: str) -> str:
    """Remove byte order marks: of the file, and of others that were appended to it."""
    return text.replace("\ufeff", "")


def shortened(text: str, most: int) -> str:
    """Truncate text to `most` characters and append how many more there are."""
    return text if len(text) <= most else f"{text[:most]} … ({len(text) - most} more characters)"
