"""The key table: what the prompt binds, and `!help keys`. Each key that does something of ours is declared here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class When(Enum):
    """At which moment a key does what its row says."""

    TYPING = "while typing"
    SEARCHING = "while searching"
    ASKED = "when asked about pasted lines"


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """One row: `presses` are the ways to press it, each a sequence in prompt_toolkit's names; `action` is what the
    prompt does, empty where prompt_toolkit does it of itself.
    """

    shown: str
    presses: tuple[tuple[str, ...], ...]
    help: str
    action: str = ""
    when: When = When.TYPING


KEYS: tuple[Key, ...] = (
    Key(shown="Tab", presses=(("tab",),), help="complete: switches, their values, pictures, steps, commands"),
    Key(shown="Right, End", presses=(("right",), ("end",)), help="take the suggestion (the grey text)"),
    Key(shown="Alt-F", presses=(("escape", "f"),), help="take one word of the suggestion"),
    Key(shown="Up, Down", presses=(("up",), ("down",)), help="the lines that were typed before"),
    Key(
        shown="Ctrl-R",
        presses=(("c-r",),),
        action="search",
        help="search the lines of all sessions: type words in any order, Ctrl-R or Down goes to older ones",
    ),
    Key(
        shown="Ctrl-X Ctrl-E",
        presses=(("c-x", "c-e"),),
        action="edit",
        help="edit the line in $VISUAL or $EDITOR; several lines become a batch",
    ),
    Key(shown="Ctrl-C", presses=(("c-c",),), action="stop", help="stop the running picture, else clear the line"),
    Key(shown="Ctrl-D", presses=(("c-d",),), help="leave, when the line is empty"),
    Key(shown="Ctrl-L", presses=(("c-l",),), help="clear the screen"),
    Key(shown="Ctrl-A, Ctrl-E", presses=(("c-a",), ("c-e",)), help="to the beginning, to the end"),
    Key(shown="Ctrl-W, Ctrl-U", presses=(("c-w",), ("c-u",)), help="delete a word, or all before the cursor"),
    Key(shown="Ctrl-Y", presses=(("c-y",),), help="put back what was deleted"),
    Key(shown="Ctrl-_", presses=(("c-_",),), help="undo"),
    Key(
        shown="paste",
        presses=(("<bracketed-paste>",),),
        action="paste",
        help="one line goes into the input; several are drawn after one question",
    ),
    Key(
        shown="Enter",
        presses=(("enter",), ("c-j",)),
        action="take",
        when=When.SEARCHING,
        help="put the line into the input",
    ),
    Key(shown="Ctrl-R", presses=(("c-r",), ("down",)), action="older", when=When.SEARCHING, help="go to an older line"),
    Key(
        shown="Ctrl-C, Ctrl-G",
        presses=(("c-c",), ("c-g",)),
        action="give_up",
        when=When.SEARCHING,
        help="back to what was typed",
    ),
    Key(
        shown="Enter, y",
        presses=(("enter",), ("c-j",), ("y",), ("Y",)),
        action="agree",
        when=When.ASKED,
        help="draw them",
    ),
    Key(
        shown="n, Ctrl-C",
        presses=(("n",), ("N",), ("c-c",), ("c-d",), ("escape",)),
        action="decline",
        when=When.ASKED,
        help="drop them",
    ),
    Key(shown="e", presses=(("e",), ("E",)), action="change", when=When.ASKED, help="edit them first"),
    Key(shown="any other", presses=(("<any>",),), action="wait", when=When.ASKED, help="the question stays"),
)
