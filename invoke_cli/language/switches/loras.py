"""LoRAs by name and weight: as a switch's value, and as terms of the prompt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from invoke_cli.errors import PromptError, Span
from invoke_cli.language.grammar.quotes import quote_value
from invoke_cli.language.switches.numbers import format_number
from invoke_cli.language.switches.values import shown
from invoke_cli.request import LoraChoice

MOST = 10.0

_NUMBER = r"[-+]?(?:\d*\.)?\d+(?:e[-+]?\d+)?"
_NAME_AND_WEIGHT = re.compile(rf"(.+?)(?::({_NUMBER}))?")
_TERM = re.compile(r"<lora:([^<>:]*)(?::([^<>]*))?>|\b(?:with|use)Lora\(([^(),]*)(?:,([^()]*))?(\)?)")
_AS_TEXT = "for example withLora(name,0.8) or <lora:name:0.8>; to keep it as text, write \\( or \\<"


@dataclass(frozen=True, kw_only=True, slots=True)
class Loras:
    """Names, each with a weight behind a colon where it is not 1; several are joined by commas."""

    takes: str = "one"
    prompt_text: bool = False

    def parse(self, text: str) -> tuple[LoraChoice, ...]:
        """The names and weights, -10 to 10."""
        choices: list[LoraChoice] = []
        for part in text.split(","):
            match = _NAME_AND_WEIGHT.fullmatch(part.strip())
            if match is None:
                raise ValueError(f"takes a name, or a name and a weight such as film:0.8, not {shown(text)}")
            choices.append(LoraChoice(match[1], _weight(match[2])))
        return tuple(choices)

    def format(self, value: object) -> str:
        """All of them as one token, each with its weight."""
        assert isinstance(value, tuple)
        return quote_value(",".join(f"{name}:{format_number(weight)}" for name, weight in value))


def lora_terms(live: str) -> Iterator[tuple[Span, LoraChoice]]:
    """The LoRAs that prompt source (with its escapes blanked out) asks for, and where; PromptError for bad ones."""
    for match in _TERM.finditer(live):
        span = Span(*match.span())
        name, weight = (match[1], match[2]) if match[5] is None else (match[3], match[4])
        if match[5] == "" or not name.strip():
            raise PromptError("this LoRA has no name, or no closing bracket", hint=_AS_TEXT, span=span)
        if weight is not None and not re.fullmatch(_NUMBER, weight.strip()):
            raise PromptError(f"the weight of a LoRA is a number, not {weight.strip()[:40]}", hint=_AS_TEXT, span=span)
        try:
            yield span, LoraChoice(name.strip(), _weight(weight))
        except ValueError as error:
            raise PromptError(f"withLora {error}", hint=_AS_TEXT, span=span) from None


def _weight(text: str | None) -> float:
    weight = float(text) if text is not None else 1.0
    if abs(weight) > MOST:
        raise ValueError(f"takes a weight from -{MOST:g} to {MOST:g}, not {text}")
    return weight + 0.0
