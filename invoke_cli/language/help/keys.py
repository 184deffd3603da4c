"""The key table: declares every key binding of the prompt. `!help keys` is generated from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class When(Enum):
    """The state of the prompt in which a key binding is active."""

    TYPING = "while typing"
    SEARCHING = "while searching"
    ASKED = "confirming pasted lines"


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A row of the key table.

    Attributes:
        shown: The keys as displayed in the help.
        presses: The key sequences, in prompt_toolkit's names.
        help: What the keys do.
        action: The action of our prompt; empty for a default binding of prompt_toolkit.
        when: The state of the prompt in which the binding is active.
    """

    shown: str
    presses: tuple[tuple[str, ...], ...]
    help: str
    action: str = ""
    when: When = When.TYPING


KEYS: tuple[Key, ...] = (
    Key(shown="Tab", presses=(("tab",),), help="complete switches, values, images, steps and commands"),
    Key(shown="Right, End", presses=(("right",), ("end",)), help="accept the suggestion (the grey text)"),
    Key(shown="Alt-F", presses=(("escape", "f"),), help="accept one word of the suggestion"),
    Key(shown="Up, Down", presses=(("up",), ("down",)), help="recall earlier lines"),
    Key(
        shown="Ctrl-R",
        presses=(("c-r",),),
        action="search",
        help="search the lines of all sessions: type words in any order; Ctrl-R or Down finds older lines",
    ),
    Key(
        shown="Ctrl-X Ctrl-E",
        presses=(("c-x", "c-e"),),
        action="edit",
        help="edit the line in $VISUAL or $EDITOR; several lines run as a batch",
    ),
    Key(shown="Ctrl-C", presses=(("c-c",),), action="stop", help="stop the running image; otherwise clear the line"),
    Key(shown="Ctrl-D", presses=(("c-d",),), help="quit, if the line is empty"),
    Key(shown="Ctrl-Z", presses=(("c-z",),), help="suspend the program; the shell's `fg` continues it"),
    Key(shown="Ctrl-L", presses=(("c-l",),), help="clear the screen"),
    Key(shown="Ctrl-A, Ctrl-E", presses=(("c-a",), ("c-e",)), help="go to the beginning or the end of the line"),
    Key(shown="Ctrl-W, Ctrl-U", presses=(("c-w",), ("c-u",)), help="delete a word, or everything before the cursor"),
    Key(shown="Ctrl-Y", presses=(("c-y",),), help="paste the deleted text"),
    Key(shown="Ctrl-_", presses=(("c-_",),), help="undo"),
    Key(
        shown="paste",
        presses=(("<bracketed-paste>",),),
        action="paste",
        help="insert one line; run several lines after confirmation",
    ),
    Key(
        shown="Enter",
        presses=(("enter",), ("c-j",)),
        action="take",
        when=When.SEARCHING,
        help="insert the line",
    ),
    Key(shown="Ctrl-R", presses=(("c-r",), ("down",)), action="older", when=When.SEARCHING, help="find an older line"),
    Key(
        shown="Ctrl-C, Ctrl-G",
        presses=(("c-c",), ("c-g",)),
        action="give_up",
        when=When.SEARCHING,
        help="cancel the search",
    ),
    Key(
        shown="Enter, y",
        presses=(("enter",), ("c-j",), ("y",), ("Y",)),
        action="agree",
        when=When.ASKED,
        help="run the lines",
    ),
    Key(
        shown="n, Ctrl-C",
        presses=(("n",), ("N",), ("c-c",), ("c-d",), ("escape",)),
        action="decline",
        when=When.ASKED,
        help="discard the lines",
    ),
    Key(shown="e", presses=(("e",), ("E",)), action="change", when=When.ASKED, help="edit the lines first"),
    Key(shown="any other", presses=(("<any>",),), action="wait", when=When.ASKED, help="ignored"),
)
