"""The prompt's keys, themes, links, bell and greeting."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from prompt_toolkit.key_binding.defaults import load_key_bindings
from prompt_toolkit.key_binding.key_bindings import KeysTuple

from invoke_cli.commands.session.help import Page, help_text
from invoke_cli.commands.table import COMMANDS
from invoke_cli.console.console import Console, ConsoleStyle, console_style
from invoke_cli.console.themes import THEMES, theme_for
from invoke_cli.context.options import SessionOptions
from invoke_cli.context.settings import Settings
from invoke_cli.errors import ConfigError
from invoke_cli.events import Saved
from invoke_cli.language.help.keys import KEYS
from invoke_cli.language.switches.launch import LAUNCH_OPTIONS, take_launch_options
from invoke_cli.repl import loop
from invoke_cli.repl.greeting import console_style_at_prompt, greeting
from tests.frontends.program import Program, keys


def test_the_key_table_equals_the_bindings_and_the_help(program: Program) -> None:
    page = help_text("keys", Page(commands=COMMANDS))
    assert all(key.shown in page and " ".join(key.help.split()[:3]) in page for key in KEYS)
    with keys():
        prompt = loop._Prompt(Settings(SessionOptions()), {})
        bound = {binding.keys for binding in prompt.input.key_bindings.bindings} if prompt.input.key_bindings else set()
    known: set[KeysTuple] = {binding.keys for binding in load_key_bindings().bindings}
    names = {tuple(str(getattr(key, "value", key)) for key in row) for row in bound}
    built_in = {tuple(str(getattr(key, "value", key)) for key in row) for row in known}
    alike = {"tab": "c-i", "enter": "c-m"}
    for key in KEYS:
        for press in key.presses:
            assert tuple(alike.get(each, each) for each in press) in (names if key.action else built_in | names), key


def test_themes_are_complete_and_no_color_takes_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    (row,) = (option for option in LAUNCH_OPTIONS if option.name == "--theme")
    assert row.choices == tuple(theme.name for theme in THEMES) and row.in_init
    assert theme_for("light").name == "light" and theme_for("auto").name == "dark"
    coloured = THEMES[0].prompt.keys()
    assert all(theme.prompt.keys() == coloured for theme in THEMES[:2])
    assert not any("ansi" in style or "#" in style for style in THEMES[2].prompt.values())
    monkeypatch.setenv("NO_COLOR", "1")
    assert theme_for("light").name == "mono" and not theme_for("dark").printed


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_paths_are_hyperlinks_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    event = Saved(
        number=3, path=str(tmp_path / "a ü.png"), line="a cat", seed=1, seconds=1, steps_taken=1, steps_asked=1
    )
    plain = f"[3] {event.path}: a cat\n"
    output: dict[str, str] = {}
    for name, out, term in (
        ("terminal", _Screen(), "xterm"),
        ("dumb", _Screen(), "dumb"),
        ("pipe", io.StringIO(), "xterm"),
    ):
        monkeypatch.setenv("TERM", term)
        monkeypatch.setattr(sys, "stdout", out)
        Console(out, io.StringIO(), console_style(out))(event)
        output[name] = out.getvalue()
    assert output["dumb"] == output["pipe"] == plain
    assert "\x1b]8;;file://" in output["terminal"] and "a%20%C3%BC.png\x1b\\" in output["terminal"]
    pieces = output["terminal"].split("\x1b\\")
    assert "".join(piece.split("\x1b]8;;")[0] for piece in pieces) == plain


@pytest.mark.parametrize(("bell", "seconds", "rings"), [(30.0, 31.0, True), (30.0, 29.0, False), (0.0, 99.0, False)])
def test_the_bell_rings_after_long_work_on_a_terminal(bell: float, seconds: float, rings: bool) -> None:
    for terminal in (True, False):
        err = io.StringIO()
        Console(io.StringIO(), err, ConsoleStyle(bell=bell, progress=terminal)).ring(seconds)
        assert (err.getvalue() == "\a") is (rings and terminal)


def test_the_bell_option_takes_seconds() -> None:
    settings = Settings(SessionOptions())
    for words, seconds in (([], 30), (["--bell", "0"], 0), (["--bell", "2.5"], 2.5)):
        options, _ = take_launch_options(words)
        assert console_style_at_prompt(settings, options).bell == seconds
    for wrong in ("never", "-1", "inf", "nan"):
        with pytest.raises(ConfigError, match="--bell takes a number from 0"):
            take_launch_options(["--bell", wrong])


def test_greetings_are_short(program: Program) -> None:
    settings = Settings(SessionOptions())
    assert len(greeting(settings, is_first_use=True).splitlines()) <= 5
    assert len(greeting(settings, is_first_use=False).splitlines()) == 1
    packaged = Settings(SessionOptions(root=str(program.folder / "elsewhere")))
    lines = greeting(packaged, is_first_use=True).splitlines()
    assert 2 < len(lines) <= 5 and max(map(len, lines)) < 80


@pytest.mark.parametrize("width", [30, 45, 60, 80, 100])
@pytest.mark.parametrize("is_first_use", [True, False])
def test_the_greeting_fits_the_window_and_drops_whole_parts(program: Program, width: int, is_first_use: bool) -> None:
    settings = Settings(SessionOptions(root=str(program.folder / "elsewhere")))
    lines = greeting(settings, is_first_use=is_first_use, width=width).splitlines()
    whole = greeting(settings, is_first_use=is_first_use, width=200)
    assert lines[0].startswith("invoke ")
    for line in lines:
        assert len(line) <= max(width, 41) and all(part.rstrip() in whole for part in line.split("  |  "))
