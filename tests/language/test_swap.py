"""Prompt-to-prompt swaps in a prompt's source: `cat.swap(dog)`."""

from __future__ import annotations

import pytest

from invoke_cli.language.prompt.ast import Swap, Windows
from invoke_cli.language.prompt.parser import parse_prompt
from invoke_cli.language.prompt.prompt import parse_prompt_sources


@pytest.mark.parametrize(
    ("source", "before", "after"),
    [
        ("a cat.swap(dog) on a chair", "a cat on a chair", "a dog on a chair"),
        ("a (black cat).swap( white dog ) here", "a black cat here", "a white dog here"),
        ('a "black cat".swap("white dog, big") here', "a black cat here", "a white dog, big here"),
        ("cat.swap(dog) and bird.swap(fish)", "cat and bird", "dog and fish"),
        ("a \\(small\\) cat.swap(dog)", "a (small) cat", "a (small) dog"),
        ("cat.swap(dog, t_end=.5)", "cat", "dog"),
        ("1,2.swap(3)", "1,2", "1,3"),
    ],
)
def test_a_swap_has_a_prompt_before_and_one_after(source: str, before: str, after: str) -> None:
    tree = parse_prompt(source)
    assert isinstance(tree, Swap)
    assert (tree.before.text, tree.after.text, tree.text) == (before, after, after)


def test_options_and_weights_of_a_swap() -> None:
    tree = parse_prompt("a++ old cat.swap(dog++, s_start=.1, s_end=.3, t_start=.2, t_end=.9)")
    assert isinstance(tree, Swap)
    assert tree.windows == Windows(s_start=0.1, s_end=0.3, t_start=0.2, t_end=0.9)
    assert [round(words.weight, 2) for words in tree.after.words] == [1.21, 1, 1.21]
    assert [round(words.weight, 2) for words in tree.before.words] == [1.21, 1]
    shape = parse_prompt("cat.swap(dog, shape_freedom=.5)")
    assert isinstance(shape, Swap) and shape.windows.s_end == pytest.approx(1 - 0.5 ** (1 / 3), abs=1e-6)


def test_a_swap_combines_with_a_negative_prompt_and_can_be_escaped() -> None:
    prompt = parse_prompt_sources("a cat.swap(dog) [ugly] here")
    assert (prompt.positive, prompt.negative) == ("a dog here", "ugly")
    assert parse_prompt_sources("a cat.swap\\(dog)").positive_tree.plain
