"""Value types of switches: each class converts the text of a value to data and back.

`parse` raises ValueError with a message that continues a sentence starting with the switch; `format` is its inverse.
Knows no switches.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from invoke_cli.language.grammar.quotes import always_quoted, canonical, quote_prompt_value, quote_value

_PLAIN_NUMBER = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_SEVERAL = re.compile(r"[,|]")  # between the values of a sweep
_LIST = re.compile(r"[^,]*\d[^,]*(,[^,]+)+|-?[\d.]*\d\.\.[\d.]*\d(:[\d.]+)?")


class Value(Protocol):
    """A value type: converts text to data and back."""

    @property
    def takes(self) -> str:
        """`nothing`, `one` value, an `optional` or `glued` one (`=`), several `numbers`, or `words` up to a switch."""

    @property
    def prompt_text(self) -> bool:
        """Whether the value is prompt source (which keeps its escapes) or a plain value."""

    def parse(self, text: str) -> object:
        """Convert `text` to a value. Raises ValueError if it is invalid."""

    def format(self, value: object) -> str:
        """Format `value` as one token of a line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """A flag: on if present, off in its `--no_` form."""

    takes: str = "nothing"
    prompt_text: bool = False

    def parse(self, text: str) -> bool:
        """Parse a default from the table; never called with user input."""
        return text == "on"

    def format(self, value: object) -> str:  # noqa: ARG002  # required by the Value protocol
        """Return an empty text, since a flag has no value."""
        return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A plain value: a path, a name or a template.

    With `listed`, an unquoted list is an error that points to !sweep; in quotes, a comma is part of the value.
    """

    takes: str = "one"
    prompt_text: bool = False
    listed: bool = False

    def parse(self, text: str) -> str:
        """Return the text; raise ValueError if it is empty."""
        if not text:
            raise ValueError("needs a value that is not empty")
        if self._is_list(text):
            raise ValueError(f"takes one value; to try a list such as {display_value(text)}, use !sweep")
        return text

    def format(self, value: object) -> str:
        """Format the text, quoted if necessary."""
        text = str(value)
        return always_quoted(text) if self._is_list(text) else quote_value(text)

    def _is_list(self, text: str) -> bool:
        return self.listed and "," in text and "/" not in text


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptText:
    """Prompt source as a value."""

    takes: str = "one"
    prompt_text: bool = True

    def parse(self, text: str) -> str:
        """Normalise the source."""
        return canonical(text)

    def format(self, value: object) -> str:
        """Format the source, quoted if necessary."""
        return quote_prompt_value(str(value))


@dataclass(frozen=True, kw_only=True, slots=True)
class Colour:
    """An optional colour after `=`: a name or #rrggbb. The imaging package checks the name."""

    default: str = "black"
    takes: str = "glued"
    prompt_text: bool = False

    def parse(self, text: str) -> str:
        """Check the name and convert it to lower case."""
        if not re.fullmatch(r"#?[A-Za-z0-9]+", text):
            raise ValueError(f"takes a colour such as white or #808080, not {display_value(text)}")
        return text.lower()

    def format(self, value: object) -> str:
        """Format the name, or nothing for the default."""
        return "" if value == self.default else str(value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One of a few words. `retired` pairs words of other programs with those that replace them."""

    options: tuple[str, ...]
    takes: str = "one"
    prompt_text: bool = False
    retired: tuple[tuple[str, str], ...] = ()

    def parse(self, text: str) -> str:
        """Check the word and convert it to lower case."""
        word = text.lower()
        if word not in self.options:
            if all(part in self.options for part in word.split(",")):
                raise ValueError(f"takes one value; to try a list such as {display_value(text)}, use !sweep")
            instead = dict(self.retired).get(word.replace("-", "_"))
            remedy = f"; {instead} replaces it" if instead else ""
            raise ValueError(f"takes one of {', '.join(self.options)}, not {display_value(text)}{remedy}")
        return word

    def format(self, value: object) -> str:
        """Format the word."""
        return str(value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices(Choice):
    """Several of a few words, with commas between them. `alone` are words that stand alone."""

    alone: tuple[str, ...] = ()

    def parse(self, text: str) -> str:
        """Check the words; return each once, in the order of the options."""
        words = [Choice(options=self.options, retired=self.retired).parse(word.strip()) for word in text.split(",")]
        for word in words:
            if word in self.alone and len(set(words)) > 1:
                raise ValueError(f"takes {word} alone, not {display_value(text)}")
        return ",".join(option for option in self.options if option in words)


@dataclass(frozen=True, kw_only=True, slots=True)
class OptionalChoice(Choice):
    """One of a few words, or none, which means `bare`."""

    bare: str
    takes: str = "optional"


@dataclass(frozen=True, kw_only=True, slots=True)
class OptionalMethod(OptionalChoice):
    """One of a few methods, or none, which means `bare`; `METHOD:IMAGE` names an image for it."""

    def parse(self, text: str) -> str:
        """Check the method and convert it to lower case; the image is everything after the first colon."""
        method, colon, image = text.partition(":")
        if colon and not image.strip():
            raise ValueError(f"takes a method and an image, such as {self.bare}:photo.png, not {display_value(text)}")
        method = Choice(options=self.options).parse(method)
        return f"{method}:{image}" if image else method

    def format(self, value: object) -> str:
        """Format the method with its image as one token."""
        return quote_value(str(value))


def may_follow(value: Value, word: str) -> bool:
    """Return whether a word belongs to the optional or further values of a switch."""
    if isinstance(value, Choice):
        words = _SEVERAL.split(word.strip("\"'{}").lower())
        if isinstance(value, OptionalMethod):
            words = [words[0].partition(":")[0]]
        return all(each in value.options for each in words)
    return bool(_PLAIN_NUMBER.fullmatch(word)) if value.takes == "numbers" else word.isdigit()


def display_value(text: str) -> str:
    """Format a value for an error message: quoted if empty or unusual, shortened if long."""
    short = text if len(text) <= 40 else text[:37] + "..."
    return short if re.fullmatch(r"[\w.,:;+\-]+", short) else repr(short)


def reject_list(text: str) -> None:
    """Raise ValueError, pointing to !sweep, if the text is a list or a range."""
    if len(text) > 200 or not _LIST.fullmatch(text):
        return
    raise ValueError(f"takes one value; to try a list or range such as {display_value(text)}, use !sweep")
