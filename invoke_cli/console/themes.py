"""The themes: one table of colours for the prompt and for printed text."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Theme:
    """A row of the theme table.

    Attributes:
        name: Its name.
        help: A short description.
        prompt: prompt_toolkit styles by class.
        printed: SGR codes (ECMA-48) by kind of text.
    """

    name: str
    help: str
    prompt: Mapping[str, str]
    printed: Mapping[str, str]


_COMMON = {
    "prompt": "bold",
    "pipe": "bold",
    "question": "bold",
    "bottom-toolbar": "noreverse",
    "error": "underline",
    "open": "underline",
    "cut": "underline",
    "unknown-word": "underline",
    "toolbar-error": "bold",
}

THEMES: tuple[Theme, ...] = (
    Theme(
        name="dark",
        help="for a dark background",
        prompt={
            **_COMMON,
            "switch": "ansicyan",
            "value": "ansigreen",
            "comment": "ansibrightblack",
            "command": "ansiyellow",
            "error": "ansired underline",
            "open": "ansibrightblack underline",
            "cut": "ansimagenta underline",
            "unknown-word": "ansiyellow underline",
            "progress": "ansicyan",
            "queue": "ansibrightblack",
            "completion-menu": "bg:#303030 #e4e4e4",
            "completion-menu.completion.current": "noreverse bg:#005f87 #ffffff",
            "completion-menu.meta.completion": "bg:#262626 #bcbcbc",
            "completion-menu.meta.completion.current": "bg:#005f87 #ffffff",
            "auto-suggestion": "ansibrightblack",
            "bottom-toolbar": "noreverse ansibrightblack",
            "toolbar-error": "ansired",
        },
        printed={"error": "31", "warning": "33", "tip": "36", "dim": "2", "number": "1"},
    ),
    Theme(
        name="light",
        help="for a light background",
        prompt={
            **_COMMON,
            "switch": "ansiblue",
            "value": "#006400",
            "comment": "#6c6c6c",
            "command": "#875f00",
            "error": "#af0000 underline",
            "open": "#6c6c6c underline",
            "cut": "#87005f underline",
            "unknown-word": "#875f00 underline",
            "progress": "ansiblue",
            "queue": "#6c6c6c",
            "completion-menu": "bg:#e4e4e4 #1c1c1c",
            "completion-menu.completion.current": "noreverse bg:#005f87 #ffffff",
            "completion-menu.meta.completion": "bg:#d0d0d0 #303030",
            "completion-menu.meta.completion.current": "bg:#005f87 #ffffff",
            "auto-suggestion": "#8a8a8a",
            "bottom-toolbar": "noreverse #6c6c6c",
            "toolbar-error": "#af0000",
        },
        printed={"error": "31", "warning": "35", "tip": "34", "dim": "2", "number": "1"},
    ),
    Theme(
        name="mono",
        help="no colours, as with NO_COLOR",
        prompt={**_COMMON, "auto-suggestion": "italic"},
        printed={},
    ),
)


def theme_for(name: str | None) -> Theme:
    """Return the theme with this name; the first one by default, `mono` with NO_COLOR."""
    requested = "mono" if os.environ.get("NO_COLOR") else name
    return next((theme for theme in THEMES if theme.name == requested), THEMES[0])
