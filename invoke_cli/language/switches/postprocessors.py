"""Postprocessors of plug-ins as the value of a switch: a name and an argument."""

from __future__ import annotations

from dataclasses import dataclass

from invoke_cli.language.grammar.quotes import quote_value
from invoke_cli.language.switches.values import display_value
from invoke_cli.request import PostprocessorChoice


@dataclass(frozen=True, kw_only=True, slots=True)
class Postprocessors:
    """A postprocessor: NAME[:ARGUMENT]; the argument is everything after the first colon."""

    takes: str = "one"
    prompt_text: bool = False

    def parse(self, text: str) -> tuple[PostprocessorChoice, ...]:
        """Parse a name and its argument, which is empty by default."""
        name, _, argument = text.partition(":")
        if not name.strip():
            raise ValueError(f"takes a name, or a name and an argument such as sharpen:0.5, not {display_value(text)}")
        return (PostprocessorChoice(name.strip(), argument),)

    def format(self, value: object) -> str:
        """Format a postprocessor as one token; several are joined for display only."""
        assert isinstance(value, tuple)
        return quote_value(",".join(f"{name}:{argument}" if argument else name for name, argument in value))
