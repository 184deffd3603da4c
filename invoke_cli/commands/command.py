"""What a `!` command is: a row of the command table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError, Span
from invoke_cli.language.grammar.shell_words import split_words


class Argument(Enum):
    """What a command's argument is, for completion."""

    NOTHING = "nothing"
    IMAGE = "image"
    MODEL = "model"
    LINE = "line"
    TOPIC = "topic"
    TEXT = "text"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A command as it was typed.

    Attributes:
        name: The command, without `!`.
        argument: The text after it.
        span: Where the argument is in the line.
        commands: Returns the whole command table, plug-ins included.
    """

    name: str
    argument: str
    span: Span
    commands: Callable[[], Sequence[Command]] = tuple

    @property
    def words(self) -> list[str]:
        """The words of the argument, quotes taken off."""
        return split_words(self.argument)

    def required(self, usage: str) -> list[str]:
        """The words; CommandError with the usage when there are none."""
        if not self.words:
            raise CommandError(f"!{self.name} needs more", hint=usage)
        return self.words


# What a command gives back: lines to be done in its place, or nothing.
Handler = Callable[[SessionContext, Call], Sequence[str] | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One row: `usage` is what follows the name, `help` one sentence without a full stop."""

    name: str
    usage: str
    help: str
    run: Handler
    argument: Argument = Argument.NOTHING

    @property
    def synopsis(self) -> str:
        """How it is typed."""
        return f"!{self.name} {self.usage}".rstrip()
