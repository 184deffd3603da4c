"""Values that are a name with a weight or an argument: LoRAs, control images, postprocessors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from invoke_cli.errors import PromptError, Span
from invoke_cli.language.grammar.quotes import quote_value
from invoke_cli.language.switches.numbers import format_number
from invoke_cli.language.switches.values import display_value
from invoke_cli.request import ControlChoice, LoraChoice, PostprocessorChoice

MAX_LORA_WEIGHT = 10.0
MAX_CONTROL_WEIGHT = 2.0

_NUMBER = r"[-+]?(?:\d*\.)?\d+(?:e[-+]?\d+)?"
_NAME_AND_WEIGHT = re.compile(rf"(.+?)(?::({_NUMBER}))?")
_CONTROL = re.compile(r"([^:]+):(.+?)(?::((?:\d*\.)?\d+(?:e[-+]?\d+)?))?", re.DOTALL)
_COMMA = re.compile(r"(?<!\\),")  # a comma within a name is escaped
_TERM = re.compile(r"<lora:([^<>:]*)(?::([^<>]*))?>|\b(?:with|use)Lora\(((?:[^(),]|\([^()]*\))*)(?:,([^()]*))?(\)?)")
_HINT = "for example withLora(name,0.8) or <lora:name:0.8>; to keep it as text, write \\( or \\<"


@dataclass(frozen=True, kw_only=True, slots=True)
class Loras:
    """LoRAs: NAME[:WEIGHT], separated by commas; the weight defaults to 1. A comma in a name is escaped."""

    takes: str = "one"
    prompt_text: bool = False

    def parse(self, text: str) -> tuple[LoraChoice, ...]:
        """Parse names and weights; weights are -10 to 10."""
        choices: list[LoraChoice] = []
        parts = _COMMA.split(text)
        for part in parts:
            # A name may end in a blank; between commas, blanks only separate.
            match = _NAME_AND_WEIGHT.fullmatch(part.strip() if len(parts) > 1 else part)
            if match is None or not match[1].strip():
                raise ValueError(f"takes a name, or a name and a weight such as film:0.8, not {display_value(text)}")
            choices.append(LoraChoice(match[1].replace("\\,", ","), _weight(match[2])))
        return tuple(choices)

    def format(self, value: object) -> str:
        """Format all LoRAs with their weights as one token."""
        assert isinstance(value, tuple)
        named = ((name.replace(",", "\\,"), weight) for name, weight in value)
        return quote_value(",".join(f"{name}:{format_number(weight)}" for name, weight in named))


def lora_terms(unescaped: str) -> Iterator[tuple[Span, LoraChoice]]:
    """Yield the spans and LoRAs of the terms in prompt source whose escapes are blanked out.

    Raises:
        PromptError: If a term is invalid.
    """
    for match in _TERM.finditer(unescaped):
        span = Span(*match.span())
        name, weight = (match[1], match[2]) if match[5] is None else (match[3], match[4])
        if match[5] == "" or not name.strip():
            raise PromptError("a LoRA needs a name and a closing bracket", hint=_HINT, span=span)
        if weight is not None and not re.fullmatch(_NUMBER, weight.strip()):
            message = f"the weight of a LoRA must be a number, not {weight.strip()[:40]}"
            raise PromptError(message, hint=_HINT, span=span)
        try:
            yield span, LoraChoice(name.strip(), _weight(weight))
        except ValueError as error:
            raise PromptError(f"withLora {error}", hint=_HINT, span=span) from None


def _weight(text: str | None) -> float:
    weight = float(text) if text is not None else 1.0
    if abs(weight) > MAX_LORA_WEIGHT:
        raise ValueError(f"takes a weight from -{MAX_LORA_WEIGHT:g} to {MAX_LORA_WEIGHT:g}, not {text}")
    return weight + 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Controls:
    """A control image: KIND:IMAGE[:WEIGHT]; the weight defaults to 1."""

    takes: str = "one"
    prompt_text: bool = False

    def parse(self, text: str) -> tuple[ControlChoice, ...]:
        """Parse a control image; its weight is 0 to 2."""
        match = _CONTROL.fullmatch(text)
        if match is None:
            raise ValueError(f"takes a kind and an image, such as canny:photo.jpg, not {display_value(text)}")
        weight = float(match[3]) if match[3] is not None else 1.0
        if weight > MAX_CONTROL_WEIGHT:
            raise ValueError(f"takes a weight from 0 to {MAX_CONTROL_WEIGHT:g} after the last colon, not {match[3]}")
        return (ControlChoice(match[1], match[2], weight),)

    def format(self, value: object) -> str:
        """Format a control image with its weight as one token; several are joined for display only."""
        assert isinstance(value, tuple)
        return quote_value(",".join(f"{kind}:{image}:{format_number(weight)}" for kind, image, weight in value))


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
