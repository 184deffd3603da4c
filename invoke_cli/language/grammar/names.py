"""Names as people type them: the closest one, and long names with dashes or underscores."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, candidates: Iterable[str]) -> str:
    """Return the candidate closest to `word`, or an empty string if none is similar."""
    return next(iter(difflib.get_close_matches(word, list(candidates), n=1, cutoff=0.6)), "")


def normalise_name(name: str) -> str:
    """Replace the inner dashes of a long name with underscores: `--from-file` equals `--from_file`."""
    return "--" + name[2:].replace("-", "_") if name.startswith("--") else name
