"""Detect prompt text that looks like syntax: dashes and blanks replaced by an editor, a `|` at either end.

It remains text; a notice explains how to write the syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from invoke_cli.language.grammar.spellings import all_spellings

_UNUSUAL_BLANKS = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff"
_UNUSUAL_DASHES = "\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
_LONG_DASH = re.compile(rf"(?:^|(?<=[\s{_UNUSUAL_BLANKS}]))[{_UNUSUAL_DASHES}]{{1,2}}([A-Za-z][A-Za-z_-]*)")
_AFTER_UNUSUAL_BLANK = re.compile(rf"[{_UNUSUAL_BLANKS}](--?[A-Za-z][A-Za-z_-]*)")


def find_lookalikes(prompt: str) -> Iterator[str]:
    """Yield a notice for each part of the prompt source that looks like a switch or a stage separator."""
    known = all_spellings()
    for match in _LONG_DASH.finditer(prompt):
        meant = next((name for name in (f"-{match[1]}", f"--{match[1]}") if name in known), None)
        if meant is not None:
            yield f"{match[0]} is read as text, because of its typographic dash; for the switch, write {meant}"
    for match in _AFTER_UNUSUAL_BLANK.finditer(prompt):
        if match[1] in known:
            yield f"{match[1]} is read as text, because of the special space before it; for the switch, retype it"
    if prompt.rstrip("\\").startswith("|") or prompt.endswith(" |"):
        yield "the | is read as text: to chain stages, put one on each side, separated by spaces"
