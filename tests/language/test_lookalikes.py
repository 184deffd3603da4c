"""Typographic characters that look like switches stay text, with a notice."""

from __future__ import annotations

import pytest

from invoke_cli.language.grammar.line import Generation, parse


def notices(line: str) -> tuple[str, ...]:
    parsed = parse(line)
    assert isinstance(parsed, Generation)
    assert parsed.stages[0].request.num_inference_steps is None
    return parsed.notices


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("a cat \u2013s 20", "write -s"),
        ("a cat \u2013s20", "write -s"),
        ("a cat \u2014steps 20", "write --steps"),
        ("a cat \u2212C 7", "write -C"),
        ("\u2013s 20 a cat", "write -s"),
        ("a cat\u00a0-s 20", "retype it"),
        ("a cat\u3000--steps 20", "retype it"),
        ("a cat |", "put one on each side"),
        ("|dog", "put one on each side"),
    ],
)
def test_a_typographic_lookalike_of_a_switch_gives_a_notice(line: str, remedy: str) -> None:
    (notice,) = notices(line)
    assert remedy in notice


@pytest.mark.parametrize(
    "line",
    [
        "a man \u2013smiling",
        "1990\u20132000",
        "a cat \u2013 a dog",
        "a\u00a0cat",
        "a||b",
        '"a cat \u2013s 20"',
        "caf\u00e9 \u2014 noon",
    ],
)
def test_plain_text_gives_no_notice(line: str) -> None:
    assert notices(line) == ()
