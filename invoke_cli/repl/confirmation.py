"""Confirm lines before they run: several at once, pasted or from the editor, and a line that lacks its `!`.

Blank lines and comments are ignored.
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
    """The question whether to run these lines.

    Attributes:
        lines: The lines.
        previous_text: The text that the input contained before.
        typed: What was typed in place of the only line, which was probably meant.
    """

    lines: tuple[str, ...]
    previous_text: str = ""
    typed: str = ""

    @property
    def excerpt(self) -> str:
        """Return the first lines and the first error; empty for a line that was probably meant."""
        if self.typed:
            return ""
        shown = [f"  {sanitize_for_terminal(line)[:_WIDTH]}" for line in self.lines[:_SHOWN]]
        if len(self.lines) > _SHOWN:
            shown.append(f"  … and {len(self.lines) - _SHOWN} more")
        problems = [
            (number, problem)
            for number, line in enumerate(self.lines, start=1)
            if (problem := diagnostic(line)) is not None
        ]
        if problems:
            number, problem = problems[0]
            shown.append(
                f"  {len(problems)} invalid: line {number}: {sanitize_for_terminal(problem.text)[: _WIDTH - 30]}"
            )
        return "\n".join(shown)

    @property
    def text(self) -> str:
        """Return the question."""
        if self.typed:
            return f"did you mean {self.lines[0]}? Enter runs it, n returns; in quotes it is a prompt "
        action = "generate images from" if all(map(_is_generation, self.lines)) else "run"
        return f"{action} {len(self.lines)} lines? [Y/n/edit] "


def content_lines(text: str) -> list[str]:
    """Return the lines of a text without blank lines and comments."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [line.strip() for line in lines if not _is_blank(line)]


def text_to_insert(text: str, lines: Sequence[str]) -> str:
    """Return the text to insert for pasted text that is not a batch of lines."""
    return lines[0] if lines and "\n" in text.strip("\r\n") else " ".join(text.splitlines())


def is_quit(line: str) -> bool:
    """Return whether a line ends the session."""
    return isinstance(_parsed(line), Quit)


def _is_blank(line: str) -> bool:
    return isinstance(_parsed(line), Blank)


def _is_generation(line: str) -> bool:
    return isinstance(_parsed(line), Generation | type(None))


def _parsed(line: str) -> Line | None:
    try:
        return parse(line)
    except LineError:
        return None
