"""Format requests as a line, the inverse of `line.parse`: the echoed line generates the same image when pasted back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from invoke_cli.errors import LineError
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.language.grammar.quotes import canonical, quote_prompt
from invoke_cli.language.grammar.spellings import negation
from invoke_cli.language.switches.switch import Switch
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.request import GenerationRequest


def format_line(stages: Sequence[GenerationRequest]) -> str:
    """Return the line that parses to these stages: prompt first, switches in table order, stages joined by ` | `."""
    return " | ".join(" ".join(_format_parts(stage)) for stage in stages)


def _format_parts(request: GenerationRequest) -> Iterator[str]:
    if request.prompt is not None:
        yield _format_prompt(request.prompt)
    for switch in SWITCHES:
        value = getattr(request, switch.field)
        if value is not None and switch.field != "prompt":
            yield from _format_switch(switch, value)


def _format_switch(switch: Switch, value: Any) -> Iterator[str]:
    """Yield a switch with its value; a repeatable one for each of its values."""
    if value == () and switch.is_repeatable:
        yield negation(switch)
    elif isinstance(value, bool):
        yield (switch.spelling if len(switch.spelling) == 2 else switch.name) if value else negation(switch)
    else:
        for part in [(one,) for one in value] if switch.is_repeatable else [value]:
            yield _with_value(switch.spelling, switch.value.format(part), glued=switch.value.takes == "glued")


def _with_value(spelling: str, text: str, *, glued: bool) -> str:
    if not glued:
        return f"{spelling} {text}"
    return f"{spelling}={text}" if text else spelling


def _format_prompt(source: str) -> str:
    """Return the prompt, quoted unless it parses back unchanged as any stage of a chain."""
    source = canonical(source)
    alone = GenerationRequest(prompt=source)
    followed = GenerationRequest(prompt=source, num_inference_steps=1)
    first = _parses_as(source, [alone])
    return (
        source
        if first and _parses_as(f"x | {source} -s 1", [GenerationRequest(prompt="x"), followed])
        else quote_prompt(source)
    )


def _parses_as(text: str, requests: list[GenerationRequest]) -> bool:
    try:
        line = parse(text)
    except LineError:
        return False
    return isinstance(line, Generation) and [stage.request for stage in line.stages] == requests
