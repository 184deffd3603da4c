"""Which graphics protocol, how many colours and which cell size previews use, and how often they are shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from invoke_cli.console.image_viewer import ImageViewer, _query
from invoke_cli.console.rate_limiter import MAX_SHARE, RateLimiter
from invoke_cli.console.terminal import Answers, Tmux, Window, detect_terminal, kind_for
from invoke_cli.events import Preview

XTERM = {"TERM": "xterm-256color"}
IN_TMUX = {"TERM": "tmux-256color", "TMUX": "/tmp/tmux-0/default,1,0", "TERM_PROGRAM": "tmux"}


@pytest.mark.parametrize(
    ("environment", "answers", "expected"),
    [
        (XTERM, Answers(), "blocks"),
        (XTERM, Answers(version="kitty(0.35.2)", kitty=True), "kitty"),
        (XTERM, Answers(version="ghostty 1.2.0", kitty=True), "kitty"),
        (XTERM, Answers(version="kitty(0.19.0)"), "blocks"),
        (XTERM, Answers(version="Konsole 24.05", kitty=True, sixel=True), "sixel"),  # knows no placeholders
        (XTERM, Answers(version="WezTerm 20240203", kitty=True, sixel=True), "iterm"),
        ({**XTERM, "TERM_PROGRAM": "iTerm.app"}, Answers(), "iterm"),
        ({**XTERM, "LC_TERMINAL": "iTerm2", "SSH_CONNECTION": "x"}, Answers(), "iterm"),
        (XTERM, Answers(version="XTerm(390)", sixel=True), "sixel"),
        (IN_TMUX, Answers(version="tmux 3.4", sixel=True, tmux=Tmux(version="XTerm(390)")), "sixel"),
        (IN_TMUX, Answers(kitty=True, tmux=Tmux(version="kitty(0.35.2)", passthrough=True)), "kitty"),
        (IN_TMUX, Answers(kitty=True, tmux=Tmux(version="kitty(0.35.2)")), "blocks"),
        (IN_TMUX, Answers(tmux=Tmux(version="iTerm2 3.5", passthrough=True)), "blocks"),
        ({**IN_TMUX, "LC_TERMINAL": "iTerm2"}, Answers(), "blocks"),
        ({"TERM": "dumb"}, Answers(), None),
        ({}, Answers(), None),
        ({**XTERM, "NO_COLOR": "1"}, Answers(kitty=True, version="kitty"), None),
    ],
)
def test_the_best_protocol_of_a_terminal_is_chosen(
    environment: dict[str, str], answers: Answers, expected: str | None
) -> None:
    terminal = detect_terminal(environment, answers, Window())
    assert kind_for("auto", terminal, environment) == expected
    assert kind_for("off", terminal, environment) is None
    assert kind_for("sixel", terminal, environment) == "sixel"  # an explicit kind always wins


@pytest.mark.parametrize(
    ("environment", "colours"),
    [
        (XTERM, 256),
        ({**XTERM, "COLORTERM": "truecolor"}, 1 << 24),
        ({**XTERM, "COLORTERM": "24bit"}, 1 << 24),
        ({"TERM": "xterm-direct"}, 1 << 24),
    ],
)
def test_the_number_of_colours_follows_the_environment(environment: dict[str, str], colours: int) -> None:
    assert detect_terminal(environment, Answers(), Window()).colours == colours


def test_the_cell_size_comes_from_answers_then_window_then_default() -> None:
    pixels = Window(columns=80, rows=24, width=800, height=480)
    assert detect_terminal(XTERM, Answers(cell=(9, 18)), pixels).cell == (9, 18)
    assert detect_terminal(XTERM, Answers(), pixels).cell == (10, 20)
    assert detect_terminal(XTERM, Answers(window=(640, 384)), Window()).cell == (8, 16)
    assert detect_terminal(XTERM, Answers(), Window()).cell == (10, 20)


def test_a_terminal_that_cannot_be_opened_is_not_queried() -> None:
    with Path(os.devnull).open(encoding="ascii") as nothing:
        assert _query(nothing.fileno()) == Answers()


# -- how often --------------------------------------------------------------------------------------------------------


class Clock:
    """A clock whose time is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("cost", [0.0005, 0.004, 0.05, 2.0])
@pytest.mark.parametrize("step", [0.01, 0.2, 3.0])
def test_previews_take_at_most_their_share_of_the_time(cost: float, step: float) -> None:
    clock = Clock()
    limiter, spent, began, taken = RateLimiter(clock), 0.0, clock.now, 0
    for _ in range(2000):
        clock.now += step
        if limiter.ready():
            clock.now += cost
            limiter.done()
            spent, taken = spent + cost, taken + 1
    elapsed = clock.now - began
    assert spent <= MAX_SHARE * elapsed + cost  # what the first one costs is not known before it
    assert taken >= min(elapsed * MAX_SHARE / cost, elapsed / 0.1, 2000) * 0.4


def test_time_without_steps_allows_no_previews() -> None:
    clock = Clock()
    limiter = RateLimiter(clock)
    limiter.ready()
    limiter.pause()
    clock.now += 3600
    assert not limiter.ready()
    limiter.spend(1.0, is_preview=False)  # a finished image that was expensive
    clock.now += 20
    assert not limiter.ready()
    clock.now += 20
    assert limiter.ready()


def test_no_preview_is_rendered_while_the_last_one_is_pending() -> None:
    waiting = [True]
    viewer = ImageViewer(lambda _: Answers(), Window, environment=XTERM, busy=lambda: waiting[0])
    clock = Clock()
    viewer.rate_limiter = RateLimiter(clock)
    viewer.wants("blocks")
    clock.now += 10
    assert not viewer.wants("blocks")
    waiting.clear()
    waiting.append(False)
    viewer.wants("blocks")
    clock.now += 10
    assert viewer.wants("blocks") and not viewer.wants("off")
    rendered = viewer.preview(Preview(width=8, height=8, rgb=bytes(192), kind="blocks"))
    assert rendered is not None and rendered.rows == 12
