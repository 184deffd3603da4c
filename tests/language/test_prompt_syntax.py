"""Operators of other programs: notices in our syntax, and prompts that are read by A1111's rules."""

from __future__ import annotations

import pytest
from hypothesis import given

from invoke_cli.errors import PromptError
from invoke_cli.language.prompt.a1111 import parse_a1111
from invoke_cli.language.prompt.ast import Conjunction, Phrase
from invoke_cli.language.prompt.prompt import parse_prompt_sources
from tests import strategies


def weights(source: str) -> list[tuple[str, float]]:
    tree = parse_a1111(source)
    assert isinstance(tree, Phrase)
    return [(words.text, round(words.weight, 4)) for words in tree.words]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a cat", [("a cat", 1)]),
        ("a (cat) sits", [("a ", 1), ("cat", 1.1), (" sits", 1)]),
        ("((old)) cat", [("old", 1.21), (" cat", 1)]),
        ("[old] cat", [("old", 0.9091), (" cat", 1)]),
        ("(old:1.4)cat", [("old", 1.4), ("cat", 1)]),
        ("((a:1.5) b)", [("a", 1.65), (" b", 1.1)]),
        ("([a] b:2)", [("a", 1.8182), (" b", 2)]),
        (r"\(old\) cat \[x\]", [("(old) cat [x]", 1)]),
        ("at 10:30, (ratio 3:2)", [("at 10:30, ", 1), ("ratio 3", 2)]),
        ("a (never closed", [("a ", 1), ("never closed", 1.1)]),
        ("never) opened]", [("never) opened]", 1)]),
        ("it--was ++ {a|b} (x)1.3", [("it--was ++ {a|b} ", 1), ("x", 1.1), ("1.3", 1)]),
        ('("a","b").blend(1,1)', [('"a","b"', 1.1), (".blend", 1), ("1,1", 1.1)]),
    ],
)
def test_brackets_are_weights_by_a1111_s_rules(source: str, expected: list[tuple[str, float]]) -> None:
    assert weights(source) == expected


def test_break_begins_a_window_of_its_own() -> None:
    tree = parse_a1111("a (cat BREAK a dog), BREAK\\nred")
    assert isinstance(tree, Conjunction)
    assert [phrase.text for phrase in tree.phrases] == ["a cat", "a dog,", "red"]
    assert tree.phrases[1].words[0].weight == 1.1
    assert parse_a1111("BREAK a cat BREAK") == Phrase(words=parse_a1111("a cat").words)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("source", "spelling"),
    [("a [cat:dog:0.5]", "| a ruin -f .5"), ("a [dog::8]", "chain"), ("[cow|horse] in a field", "{a|b}"),
     ("a cat AND a dog :1.2", ".and()"), ("(x:11)", "\\(")],
)  # fmt: skip
def test_what_is_not_available_is_an_error_with_the_spelling_to_use(source: str, spelling: str) -> None:
    with pytest.raises(PromptError) as error:
        parse_prompt_sources(source, syntax="a1111")
    assert spelling in (error.value.hint or "")
    assert error.value.span is not None and error.value.span.end <= len(source)


@given(strategies.plain_text)
def test_any_text_is_read_or_an_error_within_it(source: str) -> None:
    try:
        assert parse_prompt_sources(source, source, "a1111").positive_tree is not None
    except PromptError as error:
        assert error.span is None or 0 <= error.span.start <= error.span.end <= len(source)


def test_brackets_are_bounded() -> None:
    with pytest.raises(PromptError):
        parse_a1111("(" * 100_000)


@pytest.mark.parametrize(
    ("prompt", "spelling"),
    [
        ("portrait, ((sharp focus)), film", "(words)1.21"),
        ("portrait ((hat:1.2)), film", "(words)1.21"),
        ("a [cow|horse] in a field", "{a|b}"),
        ("a cat\\nBREAK\\na dog", ".and()"),
        ("a cat AND a dog", ".and()"),
        ("a __animals/birds__ in a tree", "{?__name__}"),
    ],
)
def test_operators_of_a1111_give_one_notice_with_the_spelling(prompt: str, spelling: str) -> None:
    (notice,) = parse_prompt_sources(prompt).notices
    assert spelling in notice and "--prompt_syntax a1111" in notice


@pytest.mark.parametrize(
    "prompt",
    ["a cat and a dog", "((sharp))1.3", "((a)1.2 b)++", r"\(\(x\)\)", "BREAKFAST", "[ugly]",
     "a brand", "snake__case", '("a","b").and()'],
)  # fmt: skip
def test_own_operators_and_plain_words_give_none(prompt: str) -> None:
    assert parse_prompt_sources(prompt).notices == ()


@pytest.mark.parametrize("syntax", [None, "a1111"])
@pytest.mark.parametrize("written", ["embedding:ink-v2", "embedding:ink-v2.safetensors", "<ink-v2>"])
def test_an_embedding_of_comfyui_is_that_of_angle_brackets(written: str, syntax: str | None) -> None:
    prompt = parse_prompt_sources(f"a cat, ({written}:1.2), red", written, syntax)
    assert prompt.named == ("ink-v2",)
    assert prompt.positive == "a cat, <ink-v2>, red"
    assert prompt.negative == "<ink-v2>"
