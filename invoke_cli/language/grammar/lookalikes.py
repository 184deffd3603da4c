"""What stands in a prompt as text and was perhaps meant otherwise: dashes and blanks that an editor replaced, bars at
an end. It stays text; the user is told, with the remedy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from invoke_cli.language.grammar.spellings import all_spellings

_ODD_BLANKS = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff"
_ODD_DASHES = "\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
_LONG_DASH = re.compile(rf"(?:^|(?<=[\s{_ODD_BLANKS}]))[{_ODD_DASHES}]{{1,2}}([A-Za-z][A-Za-z_-]*)")
_AFTER_ODD_BLANK = re.compile(rf"[{_ODD_BLANKS}](--?[A-Za-z][A-Za-z_-]*)")


def lookalikes(prompt: str) -> Iterator[str]:
    """A notice for each thing in the prompt's source that looks like a switch or a stage's bar, and is none."""
    known = all_spellings()
    for match in _LONG_DASH.finditer(prompt):
        meant = next((name for name in (f"-{match[1]}", f"--{match[1]}") if name in known), None)
        if meant is not None:
            yield f"{match[0]} is text: its dash is not the ordinary one; for the switch write {meant}"
    for match in _AFTER_ODD_BLANK.finditer(prompt):
        if match[1] in known:
            yield f"{match[1]} is text: the blank before it is not an ordinary one; for the switch type the blank anew"
    if prompt.rstrip("\\").startswith("|") or prompt.endswith(" |"):
        yield "the | is text: in a chain it has a stage on either side, and a blank between"
