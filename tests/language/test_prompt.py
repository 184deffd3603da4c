"""Prompt sources: negatives, escapes, LoRAs, embeddings, and operators that are rejected."""

from __future__ import annotations

import pytest
from hypothesis import given

from invoke_cli.errors import PromptError
from invoke_cli.language.grammar.quotes import escape
from invoke_cli.language.prompt.prompt import parse_prompt_sources, split_negative
from tests import strategies


@pytest.mark.parametrize(
    ("source", "positive", "negative"),
    [
        ("a cat [blurry, ugly]", "a cat", "blurry, ugly"),
        ("a [dog] cat [blurry]", "a cat", "dog blurry"),
        ("a cat [x], on a mat", "a cat, on a mat", "x"),
        ("x [a [b] c] d", "x d", "a [b] c"),
        ("an open [ bracket", "an open [ bracket", ""),
        ("\\[not negative\\]", "[not negative]", ""),
        ("[only negative]", "", "only negative"),
        ("a (cat) on a {mat}", "a (cat) on a {mat}", ""),
        ("it--was, 1970-1990, mid-air, 5+5", "it--was, 1970-1990, mid-air, 5+5", ""),
        ("C:\\pics", "C:\\pics", ""),
        ("one\\ntwo", "one\ntwo", ""),
        ('a sign that says "24"', 'a sign that says "24"', ""),
        ("photo at 10:30 (ratio 16:9)", "photo at 10:30 (ratio 16:9)", ""),
    ],
)
def test_brackets_are_the_negative_prompt(source: str, positive: str, negative: str) -> None:
    prompt = parse_prompt_sources(source)
    assert (prompt.positive, prompt.negative) == (positive, negative)


def test_brackets_and_neg_are_equivalent_and_join() -> None:
    assert (
        parse_prompt_sources("a cat [blurry]").negative == parse_prompt_sources("a cat", "blurry").negative == "blurry"
    )
    assert parse_prompt_sources("a cat [ugly]", "blurry").negative == "ugly, blurry"


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("a <lora:name:x>", "<lora:name:x>"),
        ("a <lora:name:99> b", "<lora:name:99>"),
        ("a withLora(name,0.8", "withLora(name,0.8"),
        ("a withLora() b", "withLora()"),
        ("a [ugly withLora(name)] b", "withLora(name)"),
        ("{a|b}", "{a|b}"),
        ("{?a|b}", "{?"),
        ("{__names__}", "{__"),
        ("[a:b:.5]", "[a:b:.5]"),
        ("a [x] cat.swap(dog", "("),
        ("a cat.swap(dog, t_ends=1)", "t_ends=1"),
        ("a cat.swap(dog, t_end=3)", "t_end=3"),
        ("a cat.swap(dog), a hat.swap(cap, t_end=.5)", "hat.swap(cap, t_end=.5)"),
        ("(a cat.swap(dog) here)1.3", "cat.swap(dog)"),
        ('("a cat.swap(dog)","b").blend(1,2)', ".blend("),
        ("a boat [ugly.swap(fine)]", ".swap("),
        ("(some words)1900", "1900"),
        ('a ("b","c").blend(.3,.7)', ".blend("),
        ('("b","c").blend(.3,.7), sharp', ".blend("),
        ('("b","c").blend(.3)', "(.3)"),
        ('("b","c").blend(x)', "(x)"),
        ('("b","c").blend(1,-1)', "(1,-1)"),
        ('("b",c).blend(1,1)', "c"),
        ('("b","c").and(1,1', "("),
    ],
)
def test_the_error_of_an_unsupported_operator_points_at_it(source: str, part: str) -> None:
    with pytest.raises(PromptError) as caught:
        parse_prompt_sources(source)
    assert caught.value.hint
    assert caught.value.span is not None
    assert source[caught.value.span.start : caught.value.span.end] == part


@given(strategies.plain_text.filter(lambda text: '"' not in text))
def test_escaped_text_has_no_operators(text: str) -> None:
    prompt = parse_prompt_sources(escape(text))
    assert prompt.positive.split() == text.split()
    assert prompt.negative == ""


@given(strategies.prompt_source)
def test_splitting_off_the_negative_prompt_loses_no_characters(source: str) -> None:
    positive, negative = split_negative(source)
    kept = sorted((positive + negative).replace("[", "").replace("]", "").replace(" ", ""))
    expected = sorted(source.replace("[", "").replace("]", "").replace(" ", ""))
    assert [char for char in kept if not char.isspace()] == [char for char in expected if not char.isspace()]


def test_the_old_blend_syntax_is_text_with_a_notice() -> None:
    prompt = parse_prompt_sources("dog:1,cat:2")
    assert prompt.positive == "dog:1,cat:2"
    assert ".blend(1,2)" in prompt.notices[0]


def test_names_in_angle_brackets_are_found() -> None:
    prompt = parse_prompt_sources("a <style> cat")
    assert prompt.positive == "a <style> cat"
    assert prompt.named == ("style",) and not parse_prompt_sources("a \\<style> cat").named


@pytest.mark.parametrize(
    ("source", "positive", "loras"),
    [
        ("a cat withLora(film,0.8)", "a cat", (("film", 0.8),)),
        ("<lora:film:0.8> a cat, useLora(my style) old", "a cat, old", (("film", 0.8), ("my style", 1.0))),
        ("a <lora:a/b>cat", "a cat", (("a/b", 1.0),)),
        ("withLora(film,-.5)", "", (("film", -0.5),)),
        ("a \\<lora:film:0.8> cat, withLora\\(film)", "a <lora:film:0.8> cat, withLora(film)", ()),
        ('("a cat", "a dog").blend(1,1) withLora(film)', "a cat, a dog", (("film", 1.0),)),
    ],
)
def test_loras_are_removed_from_the_prompt_text(
    source: str, positive: str, loras: tuple[tuple[str, float], ...]
) -> None:
    prompt = parse_prompt_sources(source)
    assert (prompt.positive, prompt.loras, prompt.notices) == (positive, loras, ())
