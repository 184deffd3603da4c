"""How the text of a switch's value becomes data and back: one small class for each kind of value.

Each knows `parse` (raises ValueError with a sentence that reads after the switch's name), `format` (its inverse) and
whether the value may be left out. Knows no switches.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from invoke_cli.language.grammar.quotes import canonical, quote_prompt_value, quote_value

_PLAIN_NUMBER = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_LIST = re.compile(r"[^,]*\d[^,]*(,[^,]+)+|-?[\d.]*\d\.\.[\d.]*\d(:[\d.]+)?")


class Value(Protocol):
    """One kind of value: text to data and back."""

    @property
    def takes(self) -> str:
        """`nothing`, `one` value, an `optional` or a `glued` one, or all `words` up to the next switch."""

    @property
    def prompt_text(self) -> bool:
        """Whether the value is prompt source (its escapes stay) or a plain value."""

    def parse(self, text: str) -> object:
        """The datum that `text` spells; ValueError says what is wrong with it."""

    def format(self, value: object) -> str:
        """`value` as one token of a line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """A switch that is on by being there, and off in its `--no_` spelling."""

    takes: str = "nothing"
    prompt_text: bool = False

    def parse(self, text: str) -> bool:
        """Whether a default of the table turns the flag on; no user's text comes here."""
        return text == "on"

    def format(self, value: object) -> str:  # noqa: ARG002  # the Value protocol has it
        """A flag has no value."""
        return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A plain value: a path, a name, a template."""

    takes: str = "one"
    prompt_text: bool = False
    listed: bool = False

    def parse(self, text: str) -> str:
        """The text itself."""
        if not text:
            raise ValueError("needs a value, not an empty one")
        if self.listed and "," in text and "/" not in text:
            raise ValueError(f"takes one value on a plain line; a list such as {shown(text)} is an axis of !sweep")
        return text

    def format(self, value: object) -> str:
        """The text, quoted when it must be."""
        return quote_value(str(value))


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptText:
    """Prompt source as a value."""

    takes: str = "one"
    prompt_text: bool = True

    def parse(self, text: str) -> str:
        """The source in canonical form."""
        return canonical(text)

    def format(self, value: object) -> str:
        """The source, quoted when it must be."""
        return quote_prompt_value(str(value))


@dataclass(frozen=True, kw_only=True, slots=True)
class Colour:
    """An optional colour after `=`: a name or #rrggbb; the imaging floor knows which names exist."""

    default: str = "black"
    takes: str = "glued"
    prompt_text: bool = False

    def parse(self, text: str) -> str:
        """The name in lower case."""
        if not re.fullmatch(r"#?[A-Za-z0-9]+", text):
            raise ValueError(f"takes a colour such as white or #808080, not {shown(text)}")
        return text.lower()

    def format(self, value: object) -> str:
        """The name, or nothing for the usual one."""
        return "" if value == self.default else str(value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]
    takes: str = "one"
    prompt_text: bool = False

    def parse(self, text: str) -> str:
        """The word in lower case."""
        word = text.lower()
        if word not in self.options:
            if all(part in self.options for part in word.split(",")):
                raise ValueError(f"takes one value on a plain line; a list such as {shown(text)} is an axis of !sweep")
            raise ValueError(f"takes one of {', '.join(self.options)}, not {shown(text)}")
        return word

    def format(self, value: object) -> str:
        """The word."""
        return str(value)


@dataclass(frozen=True, kw_only=True, slots=True)
class OptionalChoice(Choice):
    """One of a few words, or none of them, which means `bare`."""

    bare: str
    takes: str = "optional"


def may_follow(value: Value, word: str) -> bool:
    """Whether a word after a switch belongs to its value, where that may be left out or go on."""
    if isinstance(value, Choice):
        return word.lower() in value.options
    return bool(_PLAIN_NUMBER.fullmatch(word)) if value.takes == "numbers" else word.isdigit()


def shown(text: str) -> str:
    """A value as it stands in an error message: quoted when empty or odd, shortened when long."""
    short = text if len(text) <= 40 else text[:37] + "..."
    return short if re.fullmatch(r"[\w.,:;+\-]+", short) else repr(short)


def refuse_list(text: str) -> None:
    """Say what a list or a range is for, where it is one; ValueError."""
    if len(text) > 200 or not _LIST.fullmatch(text):
        return
    raise ValueError(f"takes one value on a plain line; lists and ranges such as {shown(text)} are axes of !sweep")
