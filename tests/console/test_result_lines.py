"""Result lines fit the window: of a long line the prompt is cut, whole switches stay."""

from __future__ import annotations

import pytest

from invoke_cli.console.event_text import result_text, short_result_text
from invoke_cli.events import Saved
from invoke_cli.language.cells import cell_width
from invoke_cli.language.fitted_line import fitted_line
from invoke_cli.language.grammar.format import format_line
from invoke_cli.request import GenerationRequest

SWITCHES = "-S 42 -V 4082931502:0.2,17:0.5 -I sketch.png -f 0.6"


def saved(line: str) -> Saved:
    return Saved(
        number=3, path="outputs/000003.42.png", line=f"{line} -s 20", short_line=line, seed=42, seconds=1.0,
        steps_taken=20, steps_asked=20,
    )  # fmt: skip


@pytest.mark.parametrize(
    "prompt",
    ["a castle", "a castle " + "on a hill " * 20, "城と川 " * 40, "🏰" * 90, 'a -s5 castle "and" [fog] ' * 9],
)
def test_a_result_line_takes_one_row_and_keeps_its_switches(prompt: str) -> None:
    quoted = format_line([GenerationRequest(prompt=prompt.strip())])
    text = short_result_text(saved(f"{quoted} {SWITCHES}"), 100)
    assert cell_width(text) <= 100 and "\n" not in text
    assert text.startswith("[3] outputs/000003.42.png: ")
    assert all(switch in text for switch in ("-S 42", "-V 4082931502:0.2,17:0.5", "-I sketch.png -f 0.6"))


def test_a_long_chain_ends_with_an_ellipsis() -> None:
    text = short_result_text(saved(" | ".join(f"stage {number} -f 0.5" for number in range(20))), 79)
    assert cell_width(text) <= 79 and text.endswith("…")


def test_the_whole_line_is_for_pipes() -> None:
    line = "a castle " * 30 + SWITCHES
    assert result_text(saved(line)) == f"[3] outputs/000003.42.png: {line} -s 20"


def test_a_line_that_cannot_be_parsed_is_cut_too() -> None:
    assert cell_width(fitted_line("!sweep " + "x" * 200, 40)) <= 40
    assert cell_width(fitted_line("a cat -f nine " + "x" * 200, 40)) <= 40
