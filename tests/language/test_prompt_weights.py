"""The prompt's tree: weights, blends, conjunctions, and what stays text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoke_cli.errors import PromptError
from invoke_cli.language.grammar.quotes import literal
from invoke_cli.language.prompt.ast import Blend, Conjunction, Phrase, Tree, Words, text_phrase
from invoke_cli.language.prompt.parser import parse_prompt
from invoke_cli.language.prompt.prompt import parse_prompt_sources
from invoke_cli.language.prompt.unbalanced import unbalanced_notices
from tests import strategies
from tests.prompt_strategies import source_of, trees

Pairs = list[tuple[str, float]]


def pairs(tree: Tree) -> Pairs:
    assert isinstance(tree, Phrase)
    return [(words.text, round(words.weight, 6)) for words in tree.words]


@pytest.mark.feature("weight-methods")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("astronaut++ in a jungle-", [("astronaut", 1.21), (" in a ", 1), ("jungle", 0.9)]),
        ("a (big cat)1.3 here", [("a ", 1), ("big cat", 1.3), (" here", 1)]),
        ("(jungle)0.5", [("jungle", 0.5)]),
        ("(jungle).5, x", [("jungle", 0.5), (", x", 1)]),
        ("(cat)0", [("cat", 0)]),
        ('"some words"++ here', [("some words", 1.21), (" here", 1)]),
        ("(a (big)2 cat)++", [("a ", 1.21), ("big", 2.42), (" cat", 1.21)]),
        ("(cat)1.3 (dog)1.3", [("cat ", 1.3), ("dog", 1.3)]),
        ("well-made++ box", [("well-made", 1.21), (" box", 1)]),
        ("(cat:1.3) here", [("cat", 1.3), (" here", 1)]),
        ("((big:1.5) cat:2)", [("big", 3), (" cat", 2)]),
        ("a (cat++ here)", [("a (", 1), ("cat", 1.21), (" here)", 1)]),
        ('say "hi there++" now', [('say "hi ', 1), ("there", 1.21), ('" now', 1)]),
        ("\\(cat\\)++ x", [("(cat)++ x", 1)]),
        ("a \\(b) (cat)++", [("a (b) ", 1), ("cat", 1.21)]),
        ("C\\+\\+ and (b\\)c)1.5", [("C++ and ", 1), ("b)c", 1.5)]),
        ("apricots.attend(1.3), pears", [("apricots", 1.3), (", pears", 1)]),
        ("a well-made.attend( .5 ) box", [("a ", 1), ("well-made", 0.5), (" box", 1)]),
        ("a (big cat).attend(1.3) here", [("a ", 1), ("big cat", 1.3), (" here", 1)]),
        ('a "big cat".attend(0) here', [("a ", 1), ("big cat", 0), (" here", 1)]),
        ("(a big.attend(2) cat)++", [("a ", 1.21), ("big", 2.42), (" cat", 1.21)]),
        ("cat.attend(++) dog.attend(-)", [("cat ", 1.21), ("dog", 0.9)]),
        ("<cat>.attend(1.3) x", [("<cat>", 1.3), (" x", 1)]),
        ("cat.attend\\(1.3)", [("cat.attend(1.3)", 1)]),
        ("ships .attend(1.3) and end.attendance(2)", [("ships .attend(1.3) and end.attendance(2)", 1)]),
    ],
)
def test_operators_set_weights(source: str, expected: Pairs) -> None:
    tree = parse_prompt(source)
    merged: Pairs = []
    for text, weight in expected:
        if merged and merged[-1][1] == weight:
            merged[-1] = (merged[-1][0] + text, weight)
        else:
            merged.append((text, weight))
    assert pairs(tree) == merged


@pytest.mark.parametrize(
    "source",
    [
        "it--was, 1970-1990, mid-air, 5+5, a - b, a -- b",
        "a (cat) on a {mat}",
        'a sign that says "24", 5',
        "photo at 10:30 (ratio 16:9)",
        "(a)+2, (b)-1, word+-",
        "C:\\pics, http://x.y/z?a=b",
        "end.and then, fish.andchips",
        "((cat)) (cat)1 (dog)1.0",
        "a ( b ) c ( open",
    ],
)
def test_brackets_and_signs_without_an_operator_are_text(source: str) -> None:
    expected = source.replace("(cat)1 (dog)1.0", "cat dog")
    assert parse_prompt(source) == text_phrase(literal(expected))
    assert parse_prompt(source).plain


@pytest.mark.parametrize(
    "source",
    [
        "cat.attend()", "cat.attend(x)", "cat.attend(-1)", "cat.attend(1,2)", "cat.attend(1.3)+", "cat.attend(1.3",
        "cat).attend(1.3)", 'cat".attend(1.3)', "(cat).attend(1.3).swap(dog)", "cat.swap(dog).attend(1.3)",
        "cat.attend(99)", "a [cat.attend(x)] b", '("a","b").attend(1.3).blend(1,1)',
    ],
)  # fmt: skip
def test_a_weight_that_attend_cannot_set_is_an_error_at_its_place(source: str) -> None:
    with pytest.raises(PromptError) as caught:
        parse_prompt_sources(source)
    assert caught.value.span is not None and 0 <= caught.value.span.start < caught.value.span.end <= len(source)


def test_attend_works_in_swaps_blends_and_negative_prompts() -> None:
    assert parse_prompt("a (cat.attend(2)).swap(dog.attend(.5)) here") == parse_prompt("a ((cat)2).swap((dog).5) here")
    assert parse_prompt('("a cat.attend(2)","b").blend(1,-1,no_normalize)') == parse_prompt(
        '("a (cat)2","b").blend(1,-1,no_normalize)'
    )
    prompt = parse_prompt_sources("a cat [(old).attend(1.3) fog]")
    assert pairs(prompt.negative_tree) == [("old", 1.3), (" fog", 1)]


def test_blends_and_conjunctions() -> None:
    cat, dog = text_phrase("a cat"), Phrase(words=(Words(text="a ", weight=1.0), Words(text="dog", weight=1.1)))
    assert parse_prompt('("a cat", "a dog+").blend(.3,.7)') == Blend(phrases=(cat, dog), weights=(0.3, 0.7))
    assert parse_prompt('("a cat","a dog+").blend(1,-.5,no_normalize)') == Blend(
        phrases=(cat, dog), weights=(1.0, -0.5), normalize=False
    )
    assert parse_prompt('  ("a cat","a dog+").blend()') == Blend(phrases=(cat, dog), weights=(1.0, 1.0))
    assert parse_prompt('("a cat","a dog+").and(1,.5)') == Conjunction(phrases=(cat, dog), weights=(1.0, 0.5))


def test_a_colon_that_looks_like_a_weight_gives_a_notice() -> None:
    assert parse_prompt_sources("a (ratio 16:9.5)").notices == (
        "(ratio 16:9.5) is read as text (a number precedes the colon); for a weight, write (ratio 16)9.5",
    )


@settings(max_examples=300)
@given(trees())
def test_round_trip_of_random_prompt_trees(tree: Tree) -> None:
    assert parse_prompt(source_of(tree)) == tree
    assert parse_prompt_sources(source_of(tree) + " [ugly]").negative == "ugly"


@given(strategies.prompt_source)
def test_any_text_parses_or_raises_an_error_with_a_span_inside_it(source: str) -> None:
    try:
        prompt = parse_prompt_sources(source)
    except PromptError as error:
        assert error.span is None or 0 <= error.span.start < error.span.end <= len(source)
        return
    assert isinstance(prompt.positive, str)


@given(st.integers(0, 5), st.sampled_from(["(", ")", '"']))
def test_unbalanced_brackets_are_text_and_deeply_nested_ones_are_errors(count: int, char: str) -> None:
    parse_prompt(char * count + "cat" + char * count)
    assert pairs(parse_prompt("cat)1.3")) == [("cat)1.3", 1)]
    with pytest.raises(PromptError, match="nested too deeply"):
        parse_prompt("(" * 60 + "a" + ")1.1" * 60)


@pytest.mark.feature("unbalanced-weights")
@pytest.mark.parametrize(
    ("source", "expected", "notice"),
    [
        ("(forest0.5", [("(forest0.5", 1)], "the ( in (forest0.5 is read as text, since its ) is missing"),
        ("(dark forest1.4, fog", [("(dark forest1.4, fog", 1)], "as in (dark forest)1.4"),
        ("(forest:1.2", [("(forest:1.2", 1)], "as in (forest)1.2"),
        ("((forest)0.5", [("(", 1), ("forest", 0.5)], "the ( in ((forest)0.5 is read as text"),
        ("(forest++", [("(", 1), ("forest", 1.21)], "the ( in (forest++"),
        ("a forest)0.5 x", [("a forest)0.5 x", 1)], "its ( is missing; add ( before the words"),
        ("a [fog", [("a [fog", 1)], "the [ in [fog is read as text, since its ] is missing"),
        ("fog] x", [("fog] x", 1)], "as in [words to avoid], or write \\]"),
    ],
)
def test_an_unbalanced_operator_is_read_as_it_stands_with_a_notice(source: str, expected: Pairs, notice: str) -> None:
    prompt = parse_prompt_sources(source)
    assert pairs(prompt.positive_tree) == expected and prompt.negative == ""
    assert len(prompt.notices) == 1 and notice in prompt.notices[0]
    (negative,) = parse_prompt_sources("a cat", source.replace("[", "(x1.2 ").replace("]", ")2")).notices
    assert "is read as text" in negative


@pytest.mark.parametrize(
    "source",
    ["a smile :)", "sad :-( cat", "(open", "version (2.0", "1) cat 2) dog", "(cat)1.3 [fog] {a b}", "\\(cat1.3"],
)
def test_brackets_beside_no_operator_give_no_notice(source: str) -> None:
    assert parse_prompt_sources(source).notices == ()


def test_many_unbalanced_brackets_are_read_quickly() -> None:
    source = "([{" * 10_000 + "a1.2"
    started = time.perf_counter()
    assert len(list(unbalanced_notices(source))) <= 3 and time.perf_counter() - started < 5
