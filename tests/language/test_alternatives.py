"""Alternatives in braces: expansion, escapes and errors."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given

from invoke_cli.errors import PromptError
from invoke_cli.language.prompt.alternatives import (
    MAX_VARIANTS,
    has_alternatives,
    is_random,
    join_options,
    options,
    variants,
)
from tests import strategies

LISTS = {"colours": ["red", "{light|dark} green"], "loop": ["a __loop__", "{__loop__}"]}


def read(name: str) -> Sequence[str]:
    return LISTS[name]


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("{oil|ink}", ["oil", "ink"]),
        ("a {red|blue} {cat|dog}", ["a red cat", "a red dog", "a blue cat", "a blue dog"]),
        ("a { red | blue } cat", ["a red cat", "a blue cat"]),
        ("a {big|} cat", ["a big cat", "a cat"]),
        ("a cat{, old|}", ["a cat, old", "a cat"]),
        ("{big|} cat", ["big cat", "cat"]),
        ("a {very {big|small}|red} cat", ["a very big cat", "a very small cat", "a red cat"]),
        ("a {__colours__} cat", ["a red cat", "a light green cat", "a dark green cat"]),
        ("a {__colours__|blue} cat", ["a red cat", "a light green cat", "a dark green cat", "a blue cat"]),
        ("a \\{b|c} cat", ["a \\{b|c} cat"]),
        ("a {b\\|c} cat", ["a {b\\|c} cat"]),
        ("a {b\\|c|d} cat", ["a b\\|c cat", "a d cat"]),
        ("a {mat} and {} and {a {b|c}}", ["a {mat} and {} and {a b}", "a {mat} and {} and {a c}"]),
        ("an open { brace } here } there", ["an open { brace } here } there"]),
        ("a|b", ["a|b"]),
        ("snake__case__name", ["snake__case__name"]),
    ],
)
def test_alternatives_expand_to_all_combinations(source: str, texts: list[str]) -> None:
    assert variants(source, 7, read) == texts
    assert has_alternatives(source) == (texts != [source])
    parts = [(part,) if isinstance(part, str) else part for part in options(source, read)]
    assert [join_options(chosen) for chosen in itertools.product(*parts)] == texts


def test_a_random_alternative_depends_on_the_seed_alone() -> None:
    chosen = [variants("a {?red|green|blue} cat", seed, read) for seed in range(30)]
    assert chosen == [variants("a {?red|green|blue} cat", seed, read) for seed in range(30)]
    assert {text for (text,) in chosen} == {"a red cat", "a green cat", "a blue cat"}
    both = {variants("{?a|b} {?a|b}", seed, read)[0] for seed in range(40)}
    assert both == {"a a", "a b", "b a", "b b"}, "each is chosen independently"
    assert variants("{?__colours__}", 1, read)[0] in ("red", "light green", "dark green")
    assert is_random("{a|{?b|c}}") and not is_random("{a|b}")


def test_random_alternatives_remain_in_the_options() -> None:
    assert options("a {?red|blue} {cat|{?dog|b\\|c}}") == ["a ", "{?red|blue}", " ", ("cat", "{?dog|b\\|c}"), ""]
    source = "".join(map(str, options("{?__colours__}", read)))
    assert [variants(source, seed, read) for seed in range(9)] == [
        variants("{?__colours__}", seed, read) for seed in range(9)
    ]


@pytest.mark.parametrize("source", ["a {red|blue cat", "a {?red", "{a|{b|c}"])
def test_an_unclosed_brace_is_an_error_at_the_brace(source: str) -> None:
    with pytest.raises(PromptError, match="unclosed brace") as caught:
        variants(source, 1, read)
    assert caught.value.span is not None and source[caught.value.span.start] == "{"
    assert "\\{" in caught.value.hint


def test_too_many_recursive_and_deeply_nested_alternatives_are_errors() -> None:
    with pytest.raises(PromptError, match=str(MAX_VARIANTS)):
        variants("{a|b|c|d}" * 12, 1, read)
    with pytest.raises(PromptError, match="includes itself"):
        variants("{__loop__}", 1, read)
    with pytest.raises(PromptError, match="nested too deeply"):
        variants("{a|" * 40 + "b" + "}" * 40, 1, read)


@given(strategies.prompt_source)
def test_any_text_expands_or_raises_an_error_with_a_span_inside_it(source: str) -> None:
    try:
        texts = variants(source, 1, lambda _: ["x"])
    except PromptError as error:
        assert error.span is not None and 0 <= error.span.start < error.span.end <= len(source)
        return
    assert texts
    if not has_alternatives(source):
        assert texts == [source]
