"""Reading one line: what it asks for, or what is wrong with it and where."""

from __future__ import annotations

import pytest

from invoke_cli.errors import LineError
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.request import GenerationRequest


def only(text: str) -> GenerationRequest:
    """What a line of one stage asks for."""
    line = parse(text)
    assert isinstance(line, Generation) and len(line.stages) == 1, line
    return line.stages[0].request


def error(text: str) -> LineError:
    """What is wrong with a line; it has a remedy."""
    with pytest.raises(LineError) as caught:
        parse(text)
    assert caught.value.line == text
    assert caught.value.hint, "an error without a remedy"
    return caught.value


def pointed_at(text: str) -> str:
    """The part of a line that its error points at."""
    found = error(text)
    assert found.span is not None
    return text[found.span.start : found.span.end]
