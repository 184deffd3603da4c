"""Detect what a terminal can show, from its environment and its answers to queries. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TRUE_COLOUR, PALETTE = 1 << 24, 256
# Terminals by the start of their version (XTVERSION) or of $TERM_PROGRAM, in lower case.
WITH_PLACEHOLDERS = ("kitty", "ghostty")
WITH_INLINE_IMAGES = ("iterm", "wezterm", "mintty")
_WITHOUT_COLOUR = ("dumb", "unknown", "vt100", "vt102", "vt220")
_DEFAULT_CELL = (10, 20)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tmux:
    """The terminal that tmux runs in: its version, and whether tmux passes sequences through to it."""

    version: str = ""
    passthrough: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """The answers of a terminal to queries.

    Attributes:
        version: Its name and version (XTVERSION).
        kitty: Whether it supports kitty's graphics protocol.
        sixel: Whether it supports sixels.
        cell: The width and height of a cell in pixels.
        window: The width and height of the window in pixels.
        tmux: What tmux reports of the terminal that it runs in.
    """

    version: str = ""
    kitty: bool = False
    sixel: bool = False
    cell: tuple[int, int] | None = None
    window: tuple[int, int] | None = None
    tmux: Tmux | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The size of a terminal in cells and, if known, in pixels."""

    columns: int = 80
    rows: int = 24
    width: int = 0
    height: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Terminal:
    """The capabilities of a terminal.

    Attributes:
        kinds: The kinds of graphics that it supports, best first.
        colours: The number of colours.
        cell: The width and height of a cell in pixels.
        window: Its size.
        wrapped: Whether graphics must be wrapped for tmux to pass them through.
    """

    kinds: tuple[str, ...] = ()
    colours: int = TRUE_COLOUR
    cell: tuple[int, int] = _DEFAULT_CELL
    window: Window = field(default_factory=Window)
    wrapped: bool = False


def detect_terminal(environment: Mapping[str, str], answers: Answers, window: Window) -> Terminal:
    """Return the capabilities of a terminal."""
    tmux = answers.tmux or (Tmux() if environment.get("TMUX") else None)
    program = _program(environment, answers, tmux)
    has_passthrough = tmux is None or tmux.passthrough
    supported = {
        "kitty": answers.kitty and has_passthrough and program.startswith(WITH_PLACEHOLDERS),
        # tmux does not track inline images.
        "iterm": tmux is None and program.startswith(WITH_INLINE_IMAGES),
        "sixel": answers.sixel,
        "blocks": environment.get("TERM", "") not in ("", *_WITHOUT_COLOUR),
    }
    is_known = program.startswith((*WITH_PLACEHOLDERS, *WITH_INLINE_IMAGES))
    return Terminal(
        kinds=tuple(filter(supported.get, supported)),
        colours=TRUE_COLOUR if is_known or _has_true_colour(environment) else PALETTE,
        cell=_cell(answers, window),
        window=window,
        wrapped=tmux is not None,
    )


def kind_for(requested: str, terminal: Terminal, environment: Mapping[str, str]) -> str | None:
    """Return the kind of graphics to use: a named kind as it is, for `auto` the best supported one, None for none."""
    if requested == "auto":
        return None if environment.get("NO_COLOR") else next(iter(terminal.kinds), None)
    return None if requested == "off" else requested


def _program(environment: Mapping[str, str], answers: Answers, tmux: Tmux | None) -> str:
    """Return the terminal's name in lower case. Within tmux the environment may describe another terminal."""
    if tmux is not None:
        return tmux.version.lower()
    text = answers.version or environment.get("TERM_PROGRAM") or environment.get("LC_TERMINAL") or ""
    return text.lower()


def _has_true_colour(environment: Mapping[str, str]) -> bool:
    text = environment.get("COLORTERM", "").lower()
    return text in ("truecolor", "24bit") or environment.get("TERM", "").endswith("-direct")


def _cell(answers: Answers, window: Window) -> tuple[int, int]:
    """Return the size of a cell in pixels, from the terminal or the system, else a default."""
    if answers.cell is not None:
        return answers.cell
    width, height = (window.width, window.height) if window.width else answers.window or (0, 0)
    cell = (width // max(1, window.columns), height // max(1, window.rows))
    return cell if min(cell) >= 4 else _DEFAULT_CELL
