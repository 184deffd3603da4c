"""Show a line in a row of limited width: of a long one, the prompt is cut rather than the switches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from invoke_cli.errors import InvokeError
from invoke_cli.language.cells import cell_width, clipped
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.request import GenerationRequest

_SHORTEST_PROMPT = 12


def fitted_stages(stages: Sequence[GenerationRequest], width: int) -> str:
    """Return stages as a line of at most `width` cells, safe for a terminal."""
    whole = sanitize_for_terminal(format_line(stages))
    if len(stages) > 1 or cell_width(whole) <= width or not stages[0].prompt:
        return clipped(whole, width)
    switches = sanitize_for_terminal(format_line([replace(stages[0], prompt=None)]))
    room = max(_SHORTEST_PROMPT, width - cell_width(switches) - 1)
    return clipped(f"{clipped(sanitize_for_terminal(stages[0].prompt), room)} {switches}", width)


def fitted_line(line: str, width: int) -> str:
    """Return a line in at most `width` cells, safe for a terminal."""
    try:
        parsed = parse(line)
    except InvokeError:
        parsed = None
    if not isinstance(parsed, Generation):
        return clipped(sanitize_for_terminal(line), width)
    return fitted_stages([stage.request for stage in parsed.stages], width)
