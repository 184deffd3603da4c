"""The file names that mean images, declared once."""

from __future__ import annotations

import re

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif", ".jxl")
RESULT_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")  # that -o can write

_NAME = re.compile(rf"\S+({'|'.join(map(re.escape, IMAGE_SUFFIXES))})", re.IGNORECASE)


def is_image_name(word: str) -> bool:
    """Return whether a word without blanks ends as the name of an image file does."""
    return _NAME.fullmatch(word) is not None


def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """Return a sort key that orders numbers in names by value: 2 before 10."""
    parts = re.findall(r"\d+|\D+", name.casefold())
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts)
