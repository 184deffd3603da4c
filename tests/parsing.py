"""Parsing of one line: its request, or its error."""

from __future__ import annotations

import pytest

from invoke_cli.errors import LineError
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.request import GenerationRequest


def only(text: str) -> GenerationRequest:
    """Return the request of a line of one stage."""
    line = parse(text)
    assert isinstance(line, Generation) and len(line.stages) == 1, line
    return line.stages[0].request


def error(text: str) -> LineError:
    """Return the error of a line, which must have a hint."""
    with pytest.raises(LineError) as caught:
        parse(text)
    assert caught.value.line == text
    assert caught.value.hint, "an error without a hint"
    return caught.value


def pointed_at(text: str) -> str:
    """Return the part of a line that its error points at."""
    found = error(text)
    assert found.span is not None
    return text[found.span.start : found.span.end]
