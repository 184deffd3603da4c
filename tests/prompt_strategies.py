"""Strategies for prompts of the whole grammar: random trees, and the source of a tree."""

from __future__ import annotations

from hypothesis import strategies as st

from invoke_cli.language.grammar.quotes import escape
from invoke_cli.language.prompt.ast import (
    Blend,
    Conjunction,
    Phrase,
    Swap,
    Tree,
    Windows,
    Words,
    join_words,
    text_phrase,
)

_LETTERS = st.sampled_from([*"abcé漢 ,.:;'()[]{}<+-\\5_", " cat", " (dog) ", " mid-air", "++ ", ".and("])
_TEXTS = st.lists(_LETTERS, min_size=1, max_size=8).map("".join).map(str.strip).filter(bool)
_WEIGHTS = st.sampled_from([1.0, 1.0, 0.0, 0.25, 0.9, 1.1, 1.5, 2.0, 9.875])


@st.composite
def phrases(draw: st.DrawFn) -> Phrase:
    """Words with weights, in normal form: a space after a weight belongs to the next text, if that has none."""
    pieces: list[Words] = []
    for weight in draw(st.lists(_WEIGHTS, min_size=1, max_size=4)):
        if pieces and weight != 1:
            pieces.append(Words(text=" ", weight=pieces[-1].weight))
        pieces.append(Words(text=" " * (bool(pieces) and weight == 1) + draw(_TEXTS), weight=weight))
    return join_words(pieces)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """A phrase, a swap, a blend or a conjunction."""
    kind = draw(st.sampled_from([Phrase, Phrase, Swap, Blend, Conjunction]))
    if kind is Phrase:
        return draw(phrases())
    if kind is Swap:
        rest = text_phrase(" " + draw(_TEXTS))
        swapped = (draw(phrases()), draw(phrases()))
        end = draw(st.sampled_from([0.0, 0.25, 1.0]))
        return Swap(parts=((Phrase(), Phrase()), swapped, (rest, rest)), windows=Windows(t_end=end, s_end=1 - end))
    parts = tuple(draw(st.lists(phrases(), min_size=2, max_size=3)))
    numbers = tuple(draw(st.lists(_WEIGHTS.filter(bool), min_size=len(parts), max_size=len(parts))))
    if kind is Blend:
        return Blend(phrases=parts, weights=numbers, normalize=draw(st.booleans()))
    return Conjunction(phrases=parts, weights=numbers)


def source_of(tree: Tree) -> str:
    """Return the source that parses to this tree."""
    if isinstance(tree, Phrase):
        return "".join(map(_weighted, tree.words))
    if isinstance(tree, Swap):
        (_, (before, after), (rest, _)) = tree.parts
        options = f"t_end={tree.windows.t_end}, s_end={tree.windows.s_end}"
        return f"({source_of(before)}).swap({source_of(after)}, {options}){source_of(rest)}"
    quoted = ",".join(f'"{source_of(phrase)}"' for phrase in tree.phrases)
    numbers = ",".join(str(weight) for weight in tree.weights)
    if isinstance(tree, Conjunction):
        return f"({quoted}).and({numbers})"
    return f"({quoted}).blend({numbers}{'' if tree.normalize else ',no_normalize'})"


def _weighted(words: Words) -> str:
    if words.weight == 1:
        return escape(words.text)
    text = words.text.rstrip(" ")
    return f"({escape(text)}){words.weight}" + " " * (len(words.text) - len(text))
