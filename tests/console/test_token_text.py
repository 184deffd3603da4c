"""Tokens in the console: coloured on a terminal, plain elsewhere, with the same text."""

from __future__ import annotations

import io
import re
from itertools import pairwise

import pytest

from invoke_cli.console.console import Console, console_style
from invoke_cli.events import Tokenized

CUT = Tokenized(name="prompt", windows=(("a", "red", "boat"),), cut=("at", "sea"))
PARTS = Tokenized(name="prompt", windows=(("a", "red", "boat"), ("at", "sea")))


class Terminal(io.StringIO):
    """A stream that reports to be a terminal."""

    def isatty(self) -> bool:
        return True


def shown(event: Tokenized, stream: io.StringIO) -> str:
    Console(io.StringIO(), stream, console_style(stream))(event)
    return stream.getvalue().rstrip("\n")


def test_token_text_is_plain_in_a_pipe() -> None:
    assert shown(CUT, io.StringIO()) == "prompt: 3 tokens: a red boat || cut, 2 tokens: at sea"
    assert shown(PARTS, io.StringIO()) == "prompt: 5 tokens: a red boat | at sea"


def test_neighbouring_tokens_differ_in_colour_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for event in (CUT, PARTS):
        text = shown(event, Terminal())
        assert re.sub("\x1b\\[[0-9;]*m", "", text) == shown(event, io.StringIO())
        codes = re.findall("\x1b\\[([0-9;]+)m[a-z]+\x1b\\[0m", text)
        assert len(codes) == 5 and all(one != two for one, two in pairwise(codes[:3]))
    assert len(set(codes)) == 2, "the colours alternate across the windows"
    cut = re.findall("\x1b\\[([0-9;]+)m(?:at|sea)\x1b", shown(CUT, Terminal()))
    assert len(cut) == 2 and not {*cut} & {*codes}
    monkeypatch.setenv("NO_COLOR", "1")
    assert shown(CUT, Terminal()) == shown(CUT, io.StringIO())


def test_escape_sequences_in_tokens_are_removed() -> None:
    evil = Tokenized(name="prompt", windows=(("a\x1b[2J",),))
    assert "\x1b" not in shown(evil, io.StringIO())
