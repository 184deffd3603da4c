"""Commands typed without their `!`: `help`, `:q`, `ls`, a bare number. Alone on a line they are rarely prompts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from invoke_cli.language.grammar.line import QUIT_WORDS, content_start

_MAX_WORDS = 4
_ENDING = "!?.;()"
_NUMBER = re.compile(r"[0-9]{1,9}")

# The words of other programs, with the line that does the same here.
_LINES: Mapping[str, str] = {
    **dict.fromkeys(("?", "h", "usage", "man"), "!help"),
    **dict.fromkeys(("ls", "dir", "ll"), "!history"),
    **dict.fromkeys(("settings", "options", "config"), "!show"),
    **dict.fromkeys(("reset",), "!set reset"),
    **dict.fromkeys((":q", ":q!", ":wq", ":x", ":qa", "bye", "logout"), "q"),
}
# The words for which a key is the answer; they come before the commands of the same name.
_KEYS: Mapping[str, str] = {
    **dict.fromkeys(("clear", "cls"), "Ctrl-L clears the screen, !clear forgets the typed lines"),
    **dict.fromkeys(("stop", "cancel", "abort"), "Ctrl-C stops the running line"),
    **dict.fromkeys(("undo", "redo"), "Ctrl-_ takes back an edit of the line"),
}
_QUIT = re.compile(rf"(?:{'|'.join(QUIT_WORDS)})(?: (?:now|please|the|this|program|session|invoke))*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Unmarked:
    """What a text without `!` probably means.

    Attributes:
        text: The text as typed.
        line: The line to run instead; empty if there is none.
        advice: What to do where no line helps.
    """

    text: str
    line: str = ""
    advice: str = ""

    @property
    def notice(self) -> str:
        """The notice for a text that is used as a prompt all the same."""
        return f"{self.text} is used as a prompt; " + (self.advice or f"for the command, write {self.line}")


def unmarked_command(text: str) -> Unmarked | None:
    """Return what a whole line means if it is probably a command without its `!`; None for any other line."""
    typed = " ".join(text[content_start(text) :].split())
    words = typed.lower().split()
    if not 0 < len(words) <= _MAX_WORDS or words[0][0] in '!"#-' or typed in QUIT_WORDS:
        return None
    plain = " ".join(words)
    plain = plain if plain in _LINES else plain.rstrip(_ENDING)
    if plain in _KEYS:
        return Unmarked(text=typed, advice=_KEYS[plain])
    line = _LINES.get(plain) or _command_line(plain)
    return Unmarked(text=typed, line=line) if line else None


def _command_line(plain: str) -> str:
    """Return the line for the name of a command, a number, or a request to quit; empty for anything else."""
    if _QUIT.fullmatch(plain):
        return "q"
    if _NUMBER.fullmatch(plain):
        return f"!{plain}"
    from invoke_cli.commands.session.help import topic_names  # heavy for the first lines at the prompt
    from invoke_cli.commands.table import COMMANDS

    name, _, argument = plain.partition(" ")
    usage = next((command.usage for command in COMMANDS if command.name == name), None)
    # A command that needs an argument would only fail, and its name may well be a picture: tree, mask, ladder.
    if usage is None or (usage and not usage.startswith("[")):
        return ""
    arguments = {"help": argument in topic_names(), "history": _NUMBER.fullmatch(argument) is not None}
    return f"!{plain}" if not argument or arguments.get(name) else ""
