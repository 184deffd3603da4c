"""Hypothesis strategies for requests: any value that a request may hold."""

from __future__ import annotations

from hypothesis import strategies as st

from invoke_cli.language.grammar.quotes import canonical
from invoke_cli.language.switches.named_values import Controls, Loras, Postprocessors
from invoke_cli.language.switches.numbers import Integer, Integers, Number, Numbers, Seeds, Variations
from invoke_cli.language.switches.phrases import MAX_BORDER, MaskWords, Sides
from invoke_cli.language.switches.switch import Switch
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.language.switches.values import Choice, Colour, Flag, PromptText, Text
from invoke_cli.request import (
    MAX_SEED,
    Borders,
    ControlChoice,
    GenerationRequest,
    LoraChoice,
    PostprocessorChoice,
    Variation,
)

_PRINTABLE = st.characters(
    exclude_categories=["Cs"], exclude_characters=[chr(c) for c in (*range(32), *range(127, 160))]
)
_SPICY = st.sampled_from(
    [*list("\"'\\|-#![](){}<>+:=., \té×ש漢🙂"), " -s", " | ", "--fit", "\\n", "invoke> ", " # ", "q", '\\"']
)
plain_text = st.lists(_SPICY | _PRINTABLE, min_size=1, max_size=25).map("".join)
_NO_BRACKETS = str.maketrans("()", "[]")
prompt_source = (st.lists(_SPICY | _PRINTABLE | st.just("\n"), max_size=25).map("".join)).map(canonical)
seeds = st.lists(st.integers(-5, 20) | st.integers(0, MAX_SEED), min_size=1, max_size=6).map(tuple)
weights = st.floats(0, 1, allow_nan=False).map(lambda number: number + 0.0)
variation_lists = st.lists(st.builds(Variation, st.integers(0, MAX_SEED), weights), min_size=1, max_size=3).map(tuple)

mask_words = plain_text.map(
    lambda text: " ".join(f"NOT (face AND {text.translate(_NO_BRACKETS)} hair) OR x .4".split())
)
_lora_names = st.from_regex(r"[a-zA-Z0-9_][\w .:/-]{0,8}[a-z]", fullmatch=True)
_lora_weights = st.floats(-10, 10).map(lambda number: number + 0.0)
lora_lists = st.lists(st.builds(LoraChoice, _lora_names, _lora_weights), min_size=1, max_size=3).map(tuple)
_kinds = st.from_regex(r"[a-z0-9_][\w. -]{0,8}[a-z]", fullmatch=True)
_controls = st.builds(ControlChoice, _kinds, plain_text, st.floats(0, 2).map(lambda number: number + 0.0))
control_lists = st.lists(_controls, min_size=1, max_size=3).map(tuple)
_post_names = st.from_regex(r"[a-z][\w.-]{0,8}", fullmatch=True)
_post_choices = st.builds(PostprocessorChoice, _post_names, st.just("") | plain_text.map(str.strip))
postprocessor_lists = st.lists(_post_choices, min_size=1, max_size=3).map(tuple)
_side = st.integers(0, MAX_BORDER)
borders = st.builds(Borders, _side, _side, _side, _side).filter(any)


def values(switch: Switch) -> st.SearchStrategy[object]:  # a case for each kind
    """Any value that the row's field may hold."""
    match switch.value:
        case Text(listed=listed):
            return plain_text.filter(lambda text: not (listed and "," in text and "/" not in text))
        case Choice(options=options):
            return st.sampled_from(options)
        case Colour():
            return st.sampled_from(["black", "white", "#808080"])
        case Integer(low=low, high=high):
            return st.integers(low, high)
        case Number(low=low, high=high):
            return st.floats(low, high, allow_nan=False).map(lambda number: number + 0.0)
        case Numbers(ranges=ranges):
            every = [st.floats(low, high, allow_nan=False).map(lambda number: number + 0.0) for low, high in ranges]
            return st.one_of([st.tuples(*every[:count]) for count in range(1, len(every) + 1)])
        case Integers(low=low, high=high):
            return st.lists(st.integers(low, high), min_size=1, max_size=4).map(tuple)
    kinds: dict[type, st.SearchStrategy[object]] = {
        Flag: st.booleans(),
        PromptText: prompt_source,
        Loras: lora_lists,
        Controls: control_lists,
        Postprocessors: postprocessor_lists,
        Variations: variation_lists,
        MaskWords: mask_words,
        Sides: borders,
        Seeds: seeds,
    }
    return kinds[type(switch.value)]


@st.composite
def requests(draw: st.DrawFn) -> GenerationRequest:
    """A request that says something: a prompt, some switches, or both."""
    rows = draw(st.lists(st.sampled_from(SWITCHES), min_size=1, max_size=6, unique_by=lambda row: row.field))
    chosen = {row.field: draw(values(row)) for row in rows}
    return GenerationRequest.of(chosen)
