"""Long help goes through a pager on a terminal, and nowhere else."""

from __future__ import annotations

import io

import pytest

from invoke_cli.console.console import Console, ConsoleStyle
from invoke_cli.console.window import is_long, text_width
from invoke_cli.events import Message

LONG = "\n".join(f"line {number}" for number in range(40))


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")


@pytest.mark.parametrize(
    ("out", "message", "paged"),
    [
        (_Screen(), Message(text=LONG, paged=True), True),
        (_Screen(), Message(text=LONG), False),
        (_Screen(), Message(text="short", paged=True), False),
        (io.StringIO(), Message(text=LONG, paged=True), False),
    ],
)
def test_only_long_help_on_a_terminal_is_paged(out: io.StringIO, message: Message, paged: bool) -> None:
    console = Console(out, io.StringIO(), ConsoleStyle())
    shown: list[str] = []
    console.pager = shown.append
    console(message)
    assert (shown == [message.text]) == paged and bool(out.getvalue()) != paged


def test_wrapped_lines_count_as_several() -> None:
    assert is_long("x" * 80 * 24) and not is_long("x" * 80 * 23)


@pytest.mark.parametrize(("columns", "width"), [("40", 60), ("80", 80), ("120", 120), ("300", 160)])
def test_text_is_as_wide_as_the_window_within_limits(monkeypatch: pytest.MonkeyPatch, columns: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert text_width(_Screen()) == width and text_width(io.StringIO()) == 100
