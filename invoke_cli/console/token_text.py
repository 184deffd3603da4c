"""The tokens of a prompt in words: alternating colours at a terminal, plain text elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from invoke_cli.events import Tokenized
from invoke_cli.language.sanitize import sanitize_for_terminal

TURNS = ("36", "32")
CUT = "9;31"


def token_text(event: Tokenized, *, colour: bool) -> str:
    """A prompt's tokens, with a bar where the model begins to read anew, and two before what it does not read."""
    turn = 0
    parts: list[str] = []
    for window in event.windows:
        parts.append(_painted(window, [TURNS[(turn + place) % 2] for place in range(len(window))], colour=colour))
        turn += len(window)
    text = f"{event.name}: {_counted(turn)}: {' | '.join(parts)}"
    if not event.cut:
        return text
    return f"{text} || cut, {_counted(len(event.cut))}: {_painted(event.cut, [CUT] * len(event.cut), colour=colour)}"


def _painted(words: Sequence[str], codes: Sequence[str], *, colour: bool) -> str:
    shown = [sanitize_for_terminal(word) for word in words]
    if colour:
        shown = [f"\x1b[{code}m{word}\x1b[0m" for word, code in zip(shown, codes, strict=True)]
    return " ".join(shown)


def _counted(count: int) -> str:
    return f"{count} token{'s' if count != 1 else ''}"
