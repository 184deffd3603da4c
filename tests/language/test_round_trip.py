"""The guarantees "Round trip", "One grammar" and "One declaration", with Hypothesis."""

from __future__ import annotations

import dataclasses
import typing

from hypothesis import given, settings
from hypothesis import strategies as st

from invoke_cli.errors import InvokeError
from invoke_cli.language.grammar import quotes
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.language.grammar.shell_words import split_words, words_to_lines
from invoke_cli.language.grammar.tokens import tokenise
from invoke_cli.language.switches.named_values import Controls, Postprocessors
from invoke_cli.language.switches.numbers import format_number
from invoke_cli.language.switches.table import SWITCHES, program_defaults
from invoke_cli.request import GenerationRequest
from tests import strategies


def stages(text: str) -> list[GenerationRequest]:
    line = parse(text)
    assert isinstance(line, Generation), f"{text!r} is {line}"
    return [stage.request for stage in line.stages]


@settings(max_examples=600)
@given(st.lists(strategies.requests(), min_size=1, max_size=3))
def test_round_trip_parse_undoes_format(requests: list[GenerationRequest]) -> None:
    assert stages(format_line(requests)) == requests


@settings(max_examples=600)
@given(st.text() | strategies.plain_text)
def test_round_trip_any_text_parses_or_raises_an_error_with_a_span_inside_it(text: str) -> None:
    try:
        line = parse(text)
    except InvokeError as error:
        assert error.span is not None
        assert 0 <= error.span.start <= error.span.end <= len(text)
        assert error.message
        return
    if isinstance(line, Generation):
        again = format_line([stage.request for stage in line.stages])
        assert stages(again) == [stage.request for stage in line.stages]


@settings(max_examples=300)
@given(strategies.plain_text)
def test_tokens_cover_the_line_in_order(text: str) -> None:
    position = 0
    tokens = tokenise(text)
    if any(token.error for token in tokens):
        return
    for token in tokens:
        assert position <= token.span.start <= token.span.end <= len(text)
        assert token.span.start < token.span.end or text[token.span.start - 1] == "="  # an empty value
        assert not text[position : token.span.start].strip(" \t=")
        position = token.span.end
    assert not text[position:].strip()


@given(st.text())
def test_canonical_is_idempotent_and_removes_line_breaks(source: str) -> None:
    once = quotes.canonical(source)
    assert quotes.canonical(once) == once
    assert "\n" not in once and "\r" not in once


@given(strategies.plain_text)
def test_literal_undoes_escape(text: str) -> None:
    assert quotes.literal(quotes.escape(text)) == text


@given(st.lists(strategies.plain_text, min_size=2, max_size=4))
def test_split_words_undoes_quote_value(words: list[str]) -> None:
    assert split_words(" ".join(quotes.quote_value(word) for word in words)) == words


@given(strategies.requests())
def test_one_grammar_shell_words_give_the_same_request(request: GenerationRequest) -> None:
    words = _shell_words(request)
    lines = words_to_lines(words, lambda name: False) if len(words) > 1 else [format_line([request])]
    assert [stages(line) for line in lines] == [[request]]


def _shell_words(request: GenerationRequest) -> list[str]:
    """Return the words that a shell would pass for a request, without shell quoting."""
    words: list[str] = []
    for switch in SWITCHES:
        value = getattr(request, switch.field)
        if value is None:
            continue
        one = GenerationRequest.of({switch.field: value})
        if switch.value.prompt_text or (isinstance(value, str) and switch.value.takes == "one"):
            words.append(f"{switch.name}={value}")
        elif isinstance(switch.value, Controls) and value:
            words += [f"{switch.name}={kind}:{image}:{format_number(weight)}" for kind, image, weight in value]
        elif isinstance(switch.value, Postprocessors) and value:
            words += [
                f"{switch.name}={name}:{argument}" if argument else f"{switch.name}={name}" for name, argument in value
            ]
        elif isinstance(value, str) and switch.value.takes == "words":
            words += [switch.name, value]
        else:
            words += split_words(format_line([one]))
    return words


def test_one_declaration_each_field_has_exactly_one_row() -> None:
    names = [field.name for field in dataclasses.fields(GenerationRequest)]
    assert sorted(switch.field for switch in SWITCHES) == sorted(names)


def test_each_row_has_help_a_metavar_and_unique_spellings() -> None:
    spellings = [flag for switch in SWITCHES for flag in switch.flags]
    assert len(spellings) == len(set(spellings))
    for switch in SWITCHES:
        assert switch.help and not switch.help.endswith("."), switch.name
        assert switch.metavar or switch.is_flag, switch.name
        assert switch.name.startswith("--")


def test_each_row_converts_to_the_type_of_its_field() -> None:
    hints = typing.get_type_hints(GenerationRequest)
    for name, value in program_defaults().set_fields().items():
        assert type(value) in typing.get_args(hints[name]), name
