"""Text that others wrote, made fit for a terminal. Knows nothing of what it says."""

from __future__ import annotations

import re

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def sanitize_for_terminal(text: str) -> str:
    """Text that cannot drive a terminal or turn its lines around: control characters become a mark; line breaks and
    tabs stay.
    """
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)


def shortened(text: str, most: int) -> str:
    """The text, or so many characters of it and how many are left."""
    return text if len(text) <= most else f"{text[:most]} … ({len(text) - most} more characters)"
