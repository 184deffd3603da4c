"""The row type of the command table, and the call that a handler receives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError, Span
from invoke_cli.language.grammar.command_switches import CommandSwitch, separate_switches
from invoke_cli.language.grammar.shell_words import split_words, typed_words


class Argument(Enum):
    """The kind of argument that a command takes, for completion."""

    NOTHING = "nothing"
    IMAGE = "image"
    IMAGE_AND_SWITCHES = "image and switches"
    IMAGE_OR_LINES = "image or lines"
    PATH = "path"
    MODEL = "model"
    MODEL_OR_PATH = "model or path"
    LINE = "line"
    TOPIC = "topic"
    TEXT = "text"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A command as typed.

    Attributes:
        name: The name of the command, without `!`.
        argument: The text after the name.
        span: The position of the argument in the line.
        declared: The switches in the row of the command, or None if the handler reads the argument itself.
        commands: A function that returns the whole command table, including plug-ins.
    """

    name: str
    argument: str
    span: Span
    declared: Sequence[CommandSwitch] | None = None
    commands: Callable[[], Sequence[Command]] = tuple

    @property
    def words(self) -> list[str]:
        """The words of the argument, without quotes and without declared switches."""
        return split_words(self.argument) if self.declared is None else self._separated()[0]

    @property
    def switches(self) -> Mapping[str, str]:
        """The values of the declared switches that were typed, by name; empty for those that take none."""
        return self._separated()[1]

    def check_switches(self) -> None:
        """Raise CommandError if a switch is not in the row of the command, or lacks its value."""
        if self.declared is not None:
            self._separated()

    def _separated(self) -> tuple[list[str], Mapping[str, str]]:
        return separate_switches(self.name, typed_words(self.argument), self.declared or ())

    def required(self, usage: str) -> list[str]:
        """Return the words. Raises CommandError, with the usage as hint, if there are none."""
        if not self.words:
            raise CommandError(f"!{self.name} needs an argument", hint=usage)
        return self.words


class FileLines(tuple[str, ...]):
    """The lines of a file, in order: an error in one of them is reported with its number."""

    __slots__ = ()


class RewrittenLine(tuple[str, ...]):
    """The only line that stands for a command on an image: errors in it are shown in the command as typed."""

    __slots__ = ()


# Returns lines to run in place of the command, or None.
Handler = Callable[[SessionContext, Call], Sequence[str] | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A row of the command table.

    Attributes:
        name: The name, without `!`.
        usage: The arguments, as shown after the name.
        help: The description: one sentence without a full stop.
        run: The handler.
        argument: The kind of argument, for completion.
        switches: Its switches; all others are errors. With None the handler reads the argument itself.
        only_reports: Whether it changes nothing and runs no model, so that it is answered while a line runs.
        changes_settings: Whether later lines depend on it even if no image was generated before.
    """

    name: str
    usage: str
    help: str
    run: Handler
    argument: Argument = Argument.NOTHING
    switches: tuple[CommandSwitch, ...] | None = None
    only_reports: bool = False
    changes_settings: bool = False

    @property
    def synopsis(self) -> str:
        """The name and its arguments, as typed."""
        return f"!{self.name} {self.usage}".rstrip()
