"""Separate the switches of a command, such as `--zip`, from its other words, by the rules for the switches of lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from invoke_cli.errors import CommandError
from invoke_cli.language.grammar.names import nearest, normalise_name
from invoke_cli.language.grammar.shell_words import TypedWord
from invoke_cli.language.grammar.spellings import looks_like_switch


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandSwitch:
    """A switch of a command: its long name, and whether a value follows it."""

    name: str
    takes_value: bool = False


def is_switch(word: TypedWord) -> bool:
    """Return whether a word has the form of a switch. Quoted words are text."""
    return not word.is_quoted and looks_like_switch(word.text)


def separate_switches(
    command: str, words: Sequence[TypedWord], declared: Sequence[CommandSwitch]
) -> tuple[list[str], Mapping[str, str]]:
    """Return the words without switches, and the values of the switches by name; empty for those that take none.

    Raises:
        CommandError: A switch is not declared or ambiguous, lacks its value, or has one that it does not take.
    """
    rest: list[str] = []
    values: dict[str, str] = {}
    remaining = iter(words)
    for word in remaining:
        if is_switch(word):
            switch = _find(command, word, declared)
            values[switch.name] = _value(switch, word, remaining)
        else:
            rest.append(word.text)
    return rest, values


def _find(command: str, word: TypedWord, declared: Sequence[CommandSwitch]) -> CommandSwitch:
    """Return the switch with this name or unique abbreviation."""
    typed = word.text.split("=", 1)[0]
    name = normalise_name(typed)
    found = [switch for switch in declared if switch.name == name]
    found = found or [switch for switch in declared if name.startswith("--") and switch.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    raise CommandError(f"!{command} has no switch {typed[:40]}", hint=_hint(name, declared), span=word.span)


def _hint(name: str, declared: Sequence[CommandSwitch]) -> str:
    names = [switch.name for switch in declared]
    closest = nearest(name, names)
    known = f"did you mean {closest}? " if closest else f"it has {' and '.join(names)}; " if names else ""
    return f"{known}a name that begins with a dash needs quotes, or ./ before it"


def _value(switch: CommandSwitch, word: TypedWord, remaining: Iterator[TypedWord]) -> str:
    _, sign, value = word.text.partition("=")
    if switch.takes_value and not sign:
        following = next(remaining, None)
        value = "" if following is None or is_switch(following) else following.text
    if switch.takes_value and not value:
        raise CommandError(f"{switch.name} needs a value", span=word.span)
    if sign and not switch.takes_value:
        raise CommandError(f"{switch.name} takes no value", hint=f"write {switch.name} alone", span=word.span)
    return value
