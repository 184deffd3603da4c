"""What a terminal can show: from its environment and its own answers to a choice. Pure; the asking is elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TRUE_COLOUR, PALETTE = 1 << 24, 256
# Programs by the start of their version (XTVERSION) or of $TERM_PROGRAM, in lower case.
WITH_PLACEHOLDERS = ("kitty", "ghostty")
WITH_INLINE_IMAGES = ("iterm", "wezterm", "mintty")
_BLIND = ("dumb", "unknown", "vt100", "vt102", "vt220")
_OLD_CELL = (10, 20)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tmux:
    """The terminal that tmux runs in: its version, and whether tmux lets programs through to it."""

    version: str = ""
    passthrough: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What a terminal said of itself: its version, whether it takes kitty's graphics and sixels, the pixels of a cell
    or of its whole window (width, height). `tmux` is what tmux says where it stands between.
    """

    version: str = ""
    kitty: bool = False
    sixel: bool = False
    cell: tuple[int, int] | None = None
    window: tuple[int, int] | None = None
    tmux: Tmux | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The size of a terminal in cells and, where known, in pixels."""

    columns: int = 80
    rows: int = 24
    width: int = 0
    height: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Terminal:
    """What pictures need to know: the kinds that it shows, best first, its colours, the pixels of a cell (width,
    height), its window, and whether graphics must be wrapped to get through tmux.
    """

    kinds: tuple[str, ...] = ()
    colours: int = TRUE_COLOUR
    cell: tuple[int, int] = _OLD_CELL
    window: Window = field(default_factory=Window)
    wrapped: bool = False


def terminal_of(environment: Mapping[str, str], answers: Answers, window: Window) -> Terminal:
    """What the terminal can do."""
    tmux = answers.tmux or (Tmux() if environment.get("TMUX") else None)
    program = _program(environment, answers, tmux)
    through = tmux is None or tmux.passthrough
    able = {
        "kitty": answers.kitty and through and program.startswith(WITH_PLACEHOLDERS),
        # Inside tmux an inline image would stand where tmux knows nothing of it.
        "iterm": tmux is None and program.startswith(WITH_INLINE_IMAGES),
        "sixel": answers.sixel,
        "blocks": environment.get("TERM", "") not in ("", *_BLIND),
    }
    known = program.startswith((*WITH_PLACEHOLDERS, *WITH_INLINE_IMAGES))
    return Terminal(
        kinds=tuple(kind for kind, is_able in able.items() if is_able),
        colours=TRUE_COLOUR if known or _has_true_colour(environment) else PALETTE,
        cell=_cell(answers, window),
        window=window,
        wrapped=tmux is not None,
    )


def kind_for(asked: str, terminal: Terminal, environment: Mapping[str, str]) -> str | None:
    """The kind of graphics for what a line asks: a kind named is taken at its word, `auto` finds the best."""
    if asked == "auto":
        return None if environment.get("NO_COLOR") else next(iter(terminal.kinds), None)
    return None if asked == "off" else asked


def _program(environment: Mapping[str, str], answers: Answers, tmux: Tmux | None) -> str:
    """The terminal's name, in lower case. What stands in the environment may be of another terminal than the one that
    tmux is looked at in.
    """
    if tmux is not None:
        return tmux.version.lower()
    said = answers.version or environment.get("TERM_PROGRAM") or environment.get("LC_TERMINAL") or ""
    return said.lower()


def _has_true_colour(environment: Mapping[str, str]) -> bool:
    said = environment.get("COLORTERM", "").lower()
    return said in ("truecolor", "24bit") or environment.get("TERM", "").endswith("-direct")


def _cell(answers: Answers, window: Window) -> tuple[int, int]:
    """The pixels of a cell, as the terminal or the system says, else those of an old one."""
    if answers.cell is not None:
        return answers.cell
    width, height = (window.width, window.height) if window.width else answers.window or (0, 0)
    cell = (width // max(1, window.columns), height // max(1, window.rows))
    return cell if min(cell) >= 4 else _OLD_CELL
