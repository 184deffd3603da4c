"""Shell words and launch options."""

from __future__ import annotations

import pytest

from invoke_cli.errors import ConfigError, LineError
from invoke_cli.language.grammar.axes import parse_sweep
from invoke_cli.language.grammar.invocation import Invocation, read_invocation
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.language.grammar.shell_words import split_words, words_to_lines
from invoke_cli.language.switches.launch import take_launch_options
from invoke_cli.request import GenerationRequest


def requests(words: list[str], files: tuple[str, ...] = ()) -> list[list[GenerationRequest]]:
    lines = []
    for text in words_to_lines(words, lambda name: name in files):
        line = parse(text)
        assert isinstance(line, Generation)
        lines.append([stage.request for stage in line.stages])
    return lines


@pytest.mark.parametrize(
    "words",
    [
        ["a cat -s20"],
        ["a cat", "-s20"],
        ["-s20", "a cat"],
        ["a", "cat", "-s", "20"],
        ["a", "-s20", "cat"],
        ["--steps=20", "a", "cat"],
    ],
)
def test_switches_come_before_or_after_the_prompt(words: list[str]) -> None:
    assert requests(words) == [[GenerationRequest(prompt="a cat", num_inference_steps=20)]]


def test_a_word_with_a_space_is_prompt_text_unchanged() -> None:
    assert requests(["a cat -s20", "-n2"]) == [[GenerationRequest(prompt="a cat -s20", num_images=2)]]
    assert requests(["-3 degrees", "-s5"]) == [[GenerationRequest(prompt="-3 degrees", num_inference_steps=5)]]


def test_values_need_no_second_quoting() -> None:
    wanted = GenerationRequest(prompt="cat", negative_prompt="blurry, low", init_image="my pic.png")
    assert requests(["cat", "--neg", "blurry, low", "-I", "my pic.png"]) == [[wanted]]
    assert requests(["cat", "--neg=blurry, low", "--init_img=my pic.png"]) == [[wanted]]


def test_a_bar_as_a_word_separates_stages() -> None:
    assert requests(["a", "|", "b", "-f", ".5"]) == [
        [GenerationRequest(prompt="a"), GenerationRequest(prompt="b", strength=0.5)]
    ]


def test_each_file_of_an_expanded_glob_gets_its_own_line() -> None:
    files = ("a.png", "b c.png")
    lines = requests(["oil", "-I", "a.png", "b c.png", "-s3"], files)
    assert [line[0].init_image for line in lines] == ["a.png", "b c.png"]
    assert {line[0].prompt for line in lines} == {"oil"}


def test_dashes_are_standard_input_and_output() -> None:
    assert requests(["oil", "-I", "-", "-o", "-"]) == [[GenerationRequest(prompt="oil", init_image="-", outdir="-")]]


def test_arguments_of_commands_are_quoted_where_needed() -> None:
    assert words_to_lines(["!info", "my pic.png"], lambda _: False) == ['!info "my pic.png"']
    line = ["!plan", "a cat", "-s5"]
    assert words_to_lines(line, lambda _: False, lambda name: name == "plan") == ['!plan "a cat" -s 5']
    line = ["!alias", "oil", "oil painting -C 9"]
    assert words_to_lines(line, lambda _: False, lambda name: True) == ["!alias oil oil painting -C 9"]
    assert words_to_lines(["!set", "-s", "20"], lambda _: False, lambda name: True) == ["!set -s 20"]
    assert split_words("a \"b c\" 'd e' f\\g") == ["a", "b c", "d e", "f\\g"]


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(LineError, match="-I needs a value"):
        words_to_lines(["cat", "-I"], lambda _: False)


def test_launch_options_are_found_anywhere() -> None:
    options, rest = take_launch_options(["a cat", "--json", "-s20", "--root", "x", "--precision=float32"])
    assert options == {"json": True, "root": "x", "precision": "float32"}
    assert rest == ["a cat", "-s20"]


@pytest.mark.parametrize("words", [["--precision", "float12"], ["--root"], ["--json=1"]])
def test_the_error_of_a_wrong_launch_option_has_a_hint(words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        take_launch_options(words)
    assert caught.value.hint


def test_switches_without_a_prompt_are_defaults() -> None:
    def invocation(*words: str) -> Invocation:
        return read_invocation(words, lambda _: False, lambda _: False)

    defaults = GenerationRequest(num_inference_steps=20, scheduler="ddim")
    assert invocation("-s20 -A ddim") == Invocation(defaults=defaults)
    assert invocation() == Invocation()
    for line in ("a cat", "!models", '""', "-s0"):
        assert invocation(line).lines == (line,)
    assert invocation("-s20", "-A", "ddim", "!models") == Invocation(lines=("!models",), defaults=defaults)


def test_a_missing_file_after_an_init_image_is_an_error_and_not_a_prompt() -> None:
    with pytest.raises(LineError) as caught:
        words_to_lines(["cat", "-I", "a.png", "missing.png"], lambda name: name == "a.png")
    assert "missing.png" in caught.value.message and caught.value.hint
    assert words_to_lines(["-I", "a.png", "a cat"], lambda name: name == "a.png") == ['"a cat" -I a.png']


def test_a_sweep_takes_the_files_of_an_expanded_glob() -> None:
    words = ["!sweep", "an oil", "-I", "a.png", "b c.png", "-s3,4"]
    (line,) = words_to_lines(words, lambda name: name.endswith(".png"), lambda name: name == "sweep")
    sweep = parse_sweep(line.removeprefix("!sweep "))
    assert [axis.values for axis in sweep.axes] == [("3", "4"), ("a.png", "b c.png")]
