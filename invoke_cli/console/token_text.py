"""Format the tokens of a prompt: in alternating colours on a terminal, else as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from invoke_cli.events import Tokenized
from invoke_cli.language.sanitize import sanitize_for_terminal

COLOURS = ("36", "32")
CUT_STYLE = "9;31"


def token_text(event: Tokenized, *, colour: bool) -> str:
    """Return a prompt's tokens, with `|` between the windows that the model reads, and `||` before cut tokens."""
    count = 0
    parts: list[str] = []
    for window in event.windows:
        parts.append(_join_words(window, [COLOURS[(count + place) % 2] for place in range(len(window))], colour=colour))
        count += len(window)
    text = f"{event.name}: {_token_count(count)}: {' | '.join(parts)}"
    if not event.cut:
        return text
    cut = _join_words(event.cut, [CUT_STYLE] * len(event.cut), colour=colour)
    return f"{text} || cut, {_token_count(len(event.cut))}: {cut}"


def _join_words(words: Sequence[str], codes: Sequence[str], *, colour: bool) -> str:
    shown = [sanitize_for_terminal(word) for word in words]
    if colour:
        shown = [f"\x1b[{code}m{word}\x1b[0m" for word, code in zip(shown, codes, strict=True)]
    return " ".join(shown)


def _token_count(count: int) -> str:
    return f"{count} token{'s' if count != 1 else ''}"
