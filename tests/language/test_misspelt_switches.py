"""A misspelt switch is blamed itself, and only near spellings are suggested."""

from __future__ import annotations

import pytest

from invoke_cli.errors import LineError
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.language.grammar.names import near_names, nearest
from invoke_cli.models.samplers import sampler_names


def _error(line: str) -> LineError:
    with pytest.raises(LineError) as caught:
        parse(line)
    return caught.value


@pytest.mark.feature("near-spellings")
@pytest.mark.parametrize(
    ("line", "blamed", "suggestion"),
    [
        ("a cat -steps 30", "-steps", "--steps"),
        ("a cat -seed 7 -s 5", "-seed", "--seed"),
        ("a cat -width 64 | a dog", "-width", "--width"),
        ("a cat -iterations 4", "-iterations", "--iterations"),
        ("a cat -hires_fix", "-hires_fix", "--hires_fix"),
        ("a cat -model xl", "-model", "--model"),
        ("a cat -grid", "-grid", "--grid"),
        ("a cat -cfg 7", "-cfg", "--cfg_scale"),
        ("a cat --stpes 3", "--stpes", "--steps"),
        ("a cat --width512", "--width512", "--width"),
    ],
)
def test_the_misspelt_switch_is_blamed_and_corrected(line: str, blamed: str, suggestion: str) -> None:
    error = _error(line)
    assert error.span is not None and line[slice(*error.span)] == blamed
    assert error.message == f"unknown switch: {blamed}" and f"did you mean {suggestion}?" in error.hint


@pytest.mark.parametrize("line", ["a cat -zz 3", "a cat -vv .2", "a cat -nx 2", "a cat --foo", "a cat --bar=3"])
def test_nothing_is_suggested_where_nothing_is_near(line: str) -> None:
    error = _error(line)
    word = line.split()[2].partition("=")[0]
    assert error.message == f"unknown switch: {word}" and "did you mean" not in error.hint
    assert error.span is not None and line[slice(*error.span)].startswith(word)


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("a cat --compile", "--fast compile"),
        ("a cat --xformers", "--attention"),
        ("a cat --medvram", "--offload"),
        ("a cat --half", "--precision"),
    ],
)
def test_switches_of_other_programs_name_their_replacement(line: str, instead: str) -> None:
    error = _error(line)
    assert "is not supported" in error.message and instead in error.hint


def test_glued_values_are_read_as_before() -> None:
    parsed = parse("a cat -s20 -Ak_euler -mxl -oout")
    assert isinstance(parsed, Generation)
    request = parsed.stages[0].request
    assert (request.num_inference_steps, request.scheduler, request.model, request.outdir) == (
        20,
        "k_euler",
        "xl",
        "out",
    )
    wrong = _error("a cat -s30x")
    assert wrong.message == "-s takes a whole number, not 30x"


def test_an_invalid_value_is_reported_before_the_text_after_it() -> None:
    error = _error("a cat -s 1.5.2 more text")
    assert "-s takes a whole number" in error.message


def test_near_names() -> None:
    assert nearest("fethc", ["help", "fetch", "fix"]) == "fetch" and nearest("x", ["y", "fix"]) == ""
    assert near_names("k_eulr", sampler_names())[0] == "k_euler"
    assert near_names("", ["", "a"]) == [""] and near_names("a" * 5_000, ["b" * 5_000, "c"]) == []
