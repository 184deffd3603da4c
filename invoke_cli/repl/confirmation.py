"""Several lines at once, pasted or from the editor: they are drawn after one question. As in a file, blank lines and
comments are nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from invoke_cli.errors import LineError
from invoke_cli.language.grammar.line import Blank, Generation, Line, Quit, parse
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.repl.diagnostics import diagnostic

_SHOWN = 4
_WIDTH = 76


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """Whether to do these lines. `before` is what stood in the input when they came."""

    lines: tuple[str, ...]
    before: str = ""

    @property
    def excerpt(self) -> str:
        """The first lines, each below the other, with what cannot be read."""
        shown = [f"  {sanitize_for_terminal(line)[:_WIDTH]}" for line in self.lines[:_SHOWN]]
        if len(self.lines) > _SHOWN:
            shown.append(f"  … and {len(self.lines) - _SHOWN} more")
        bad = [
            (number, said) for number, line in enumerate(self.lines, start=1) if (said := diagnostic(line)) is not None
        ]
        if bad:
            number, said = bad[0]
            shown.append(
                f"  {len(bad)} cannot be read: line {number}: {sanitize_for_terminal(said.text)[: _WIDTH - 30]}"
            )
        return "\n".join(shown)

    @property
    def text(self) -> str:
        """The question itself."""
        verb = "draw" if all(map(_draws, self.lines)) else "do"
        return f"{verb} {len(self.lines)} lines? [Y/n/edit] "


def content(text: str) -> list[str]:
    """The lines of a text that say something."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [line.strip() for line in lines if not _is_blank(line)]


def inserted(text: str, lines: Sequence[str]) -> str:
    """What goes into the input of a pasted text that is no batch."""
    return lines[0] if lines and "\n" in text.strip("\r\n") else " ".join(text.splitlines())


def leaves(line: str) -> bool:
    """Whether a line ends the session."""
    return isinstance(_parsed(line), Quit)


def _is_blank(line: str) -> bool:
    return isinstance(_parsed(line), Blank)


def _draws(line: str) -> bool:
    return isinstance(_parsed(line), Generation | type(None))


def _parsed(line: str) -> Line | None:
    try:
        return parse(line)
    except LineError:
        return None
