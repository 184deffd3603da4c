"""Lines and prompts are read in linear time: doubled text takes about double the steps, however it is nested."""

from __future__ import annotations

import contextlib
import random
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoke_cli.errors import InvokeError, LineError
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.line import parse
from invoke_cli.language.limits import MAX_PROMPT
from invoke_cli.language.prompt import a1111
from invoke_cli.language.prompt.alternatives import has_alternatives
from invoke_cli.language.prompt.prompt import parse_prompt_sources
from invoke_cli.metadata.formats.dream import read_dream
from invoke_cli.request import GenerationRequest

READERS: dict[str, Callable[[str], object]] = {
    "line": parse,
    "chain": lambda text: parse(f"x | {text}"),
    "prompt": lambda text: parse_prompt_sources(text, text),
    "a1111": lambda text: parse_prompt_sources(text, syntax="a1111"),
    "alternatives": has_alternatives,
    "format": lambda text: format_line([GenerationRequest(prompt=text)]),
    "dream": read_dream,
}
# Repeated parts that once took quadratic time in one of the readers, and parts of every operator.
UNITS = (
    "(", "((a)", ")", "[", "[a]", "[|", " | ", "a | ", "{", "{a|", '"', '"a" ', "-I 'x ", '-I "a"b ', ">", "<a>+",
    "<lora:a:1>", "withLora((", "a+ ", "-s5 b ", "(1:", "(a:1)", "(a)1", "__a", "a.swap(b,t_end=1) ", "(a).swap(b)",
    ".blend(", ",t_end=1", "a:1,", "embedding:a", " BREAK", "\\", "  ", "[)", "{(",
)  # fmt: skip
PREFIXES = ("", "(", "[", "cat.swap(", "cat.swap(dog,t_end=", "x ")
SUFFIXES = ("", ")", "=b)", "y")


def read(reader: str, text: str) -> None:
    """Read a text; an error is an answer, too."""
    with contextlib.suppress(InvokeError):
        READERS[reader](text)


def steps(reader: str, text: str) -> int:
    """Return the number of lines of Python that reading a text executes."""
    count = 0

    def trace(_frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        read(reader, text)
    finally:
        sys.settrace(previous)
    return count


@pytest.fixture(autouse=True, scope="module")
def _shallow_nesting() -> Iterator[None]:
    """Let A1111's weights nest less deeply: their time is the product of length and depth, which is limited."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(a1111, "MAX_BRACKETS", 10)
        yield


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=8, deadline=None)
@given(
    unit=st.sampled_from(UNITS) | st.text(alphabet="ab1 ()[]{}<>|\"'+-:,.\\", min_size=1, max_size=5),
    prefix=st.sampled_from(PREFIXES),
    suffix=st.sampled_from(SUFFIXES),
)
def test_four_times_the_text_takes_about_four_times_the_steps(reader: str, unit: str, prefix: str, suffix: str) -> None:
    check_linear(reader, unit, prefix, suffix)


@pytest.mark.parametrize("reader", READERS)
def test_text_that_once_took_quadratic_time_is_read_in_linear_time(reader: str) -> None:
    for unit in UNITS:
        check_linear(reader, unit, "", "")


def check_linear(reader: str, unit: str, prefix: str, suffix: str) -> None:
    """Compare the steps for a text with those for one that is four times as long; quadratic time takes 16 times."""
    small, large = (f"{prefix}{unit * (length // len(unit))}{suffix}" for length in (120, 480))
    read(reader, small)  # caches are filled by the first call
    # Some errors are found early: the steps of a short text may be few, so a constant is allowed for.
    assert steps(reader, large) <= 6 * steps(reader, small) + 1000, (unit, prefix, suffix)


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_the_longest_prompts_are_read_at_once(reader: str) -> None:
    """Regular expressions take no steps that can be counted, so this measures time, with a generous limit."""
    generator = random.Random(reader)
    for unit in UNITS:
        surroundings = [(prefix, suffix) for prefix in PREFIXES for suffix in SUFFIXES]
        for prefix, suffix in generator.sample(surroundings, 3):
            started = time.process_time()
            read(reader, f"{prefix}{unit * ((MAX_PROMPT - 100) // len(unit))}{suffix}")
            assert time.process_time() - started < 10, (unit, prefix, suffix)


def test_the_longest_prompt_is_read_and_a_longer_one_is_rejected() -> None:
    longest = "a" * MAX_PROMPT
    parse(longest)
    assert parse_prompt_sources(longest).positive == longest
    for text in (f"{longest}b", f'x | "{longest}"', f"x --neg {longest}"):
        with pytest.raises(LineError, match=r"the prompt has 4000\d characters"):
            parse(text)
    with pytest.raises(LineError, match="characters"):
        parse_prompt_sources("x", f"{longest}b")
    assert read_dream(f"{longest} -s5").request.num_inference_steps == 5


def test_a_text_of_the_limit_survives_the_metadata() -> None:
    nested = "((a)" * (MAX_PROMPT // 4)
    line = format_line([GenerationRequest(prompt=nested, num_inference_steps=3)])
    assert read_dream(line).request == GenerationRequest(prompt=nested, num_inference_steps=3)


@pytest.mark.parametrize("sign", ["+", "-"])
def test_a_weight_of_thousands_of_signs_is_an_error(sign: str) -> None:
    for text in (f"cat{sign * 30_000}", f"(a cat){sign * 30_000}"):
        with pytest.raises(LineError, match="signs"):
            parse_prompt_sources(text)
