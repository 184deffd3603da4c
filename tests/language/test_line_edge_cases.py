"""Rules of the grammar where several readings are possible: quotes, dashes, lists, chains, comments."""

from __future__ import annotations

import pytest

from invoke_cli.language.grammar.line import Blank, Generation, parse
from invoke_cli.request import GenerationRequest
from tests.parsing import error, only, pointed_at

# -- the prompt -------------------------------------------------------------------------------------------------------


@pytest.mark.feature("prompt-text")
@pytest.mark.parametrize(
    "text", ["fire -s10", '"fire" -s10', '-s10 "fire"', '-s 10 "fire"', "  fire   -s10  ", "fire -s=10"]
)
def test_quotes_around_the_prompt_are_optional(text: str) -> None:
    assert only(text) == GenerationRequest(prompt="fire", num_inference_steps=10)


@pytest.mark.feature("prompt-text")
@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("it's a cat's tail -s5", "it's a cat's tail"),
        ('a "fluffy" cat -s5', 'a "fluffy" cat'),
        ('"a \\"fluffy\\" cat" -s5', 'a "fluffy" cat'),
        ('a 5\\" screen -s5', 'a 5" screen'),
        ("C:\\pics and \\(brackets\\) -s5", "C:\\pics and \\(brackets\\)"),
        ('"one -s3 | two # three" -s5', "one -s3 | two # three"),
        ("tree, hill, river -s5", "tree, hill, river"),
        ('say "a -x b" -s5', 'say "a -x b"'),
    ],
)
def test_apostrophes_quotes_and_backslashes_in_the_prompt_are_kept(text: str, prompt: str) -> None:
    assert only(text) == GenerationRequest(prompt=prompt, num_inference_steps=5)


def test_the_error_of_a_lone_quote_shows_how_to_escape_it() -> None:
    found = error('a 5" screen -s10')
    assert pointed_at('a 5" screen -s10') == '"'
    assert '\\"' in found.hint


@pytest.mark.parametrize("text", ["cat -s10 on a mat", '"cat" on a mat', "-s 10 cat", 'cat -s10 "dog"', '"cat"++ -s5'])
def test_text_after_a_switch_is_an_error(text: str) -> None:
    assert error(text)


# -- switches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a -3d car", "a - b", "a -- b", "a word--", "a -5", "mid-air", "a -.5"])
def test_dashes_before_anything_but_a_switch_name_are_text(text: str) -> None:
    assert only(text).prompt == text


def test_a_flag_may_end_the_line() -> None:
    assert only("cat -g") == GenerationRequest(prompt="cat", grid=True)


@pytest.mark.parametrize("text", ["cat -gT", "cat -gs5", "cat --grid=yes"])
def test_flags_do_not_bundle_and_take_no_value(text: str) -> None:
    assert "takes no value" in error(text).message


def test_multi_letter_spellings_take_precedence_over_attached_values() -> None:
    assert only("cat -tm mug").text_mask == "mug"
    assert only("cat -ft gfpgan -cf .5").facetool == "gfpgan"
    assert only("cat -I x.png -fit").fit is True


def test_values_are_attached_or_follow_a_space_or_an_equals_sign() -> None:
    wanted = GenerationRequest(prompt="a", init_image="./a.png")
    for text in ("a -I./a.png", "a -I ./a.png", "a -I=./a.png", "a --init_img ./a.png", "a --init_img=./a.png"):
        assert only(text) == wanted
    assert only("a -C7.5 -S-1") == GenerationRequest(prompt="a", guidance_scale=7.5, seeds=(-1,))


def test_long_names_abbreviate_while_unique_and_dashes_equal_underscores() -> None:
    assert only("a --stren .3").strength == 0.3
    assert only("a --save-intermediates 2").save_intermediates == 2
    assert "is ambiguous" in error("a --s 3").message


@pytest.mark.parametrize(("text", "near"), [("cat --fitt", "--fit"), ("cat --strenght .5", "--strength")])
def test_the_error_of_a_misspelt_switch_names_the_nearest(text: str, near: str) -> None:
    assert near in error(text).hint


def test_an_unknown_switch_is_an_error_that_shows_how_to_escape_it() -> None:
    assert pointed_at("the best -known cat") == "-known"
    assert "\\-" in error("the best -known cat").hint
    assert only("the best \\-known cat").prompt == "the best \\-known cat"


def test_the_last_of_two_equal_switches_wins_with_a_notice() -> None:
    line = parse("a -s5 -s7")
    assert isinstance(line, Generation)
    assert line.stages[0].request.num_inference_steps == 7
    assert "-s" in line.notices[0] and "7" in line.notices[0]


# -- values -----------------------------------------------------------------------------------------------------------


def test_values_may_be_quoted() -> None:
    assert only('a --neg "blurry, low quality"').negative_prompt == "blurry, low quality"
    assert only("a -I 'my pic.png'").init_image == "my pic.png"
    assert only("a -I it's.png").init_image == "it's.png"
    assert only('a -I "C:\\my pics\\x.png"').init_image == "C:\\my pics\\x.png"
    assert only("a -I C:\\new.png").init_image == "C:\\new.png"


def test_a_negative_number_is_a_value_where_a_number_is_expected() -> None:
    assert only("a -S -1").seeds == (-1,)
    assert only("a -I -1").init_image == "-1"
    assert "from 0 to 1" in error("a -f -1").message
    assert only("a -I ./-1").init_image == "./-1"


@pytest.mark.parametrize("text", ["a -s", "a -I -f .5", "a -s | b", "-S"])
def test_a_missing_value_is_an_error(text: str) -> None:
    assert "needs a value" in error(text).message


# -- lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.feature("seed-series")
def test_seeds_take_lists_and_ranges() -> None:
    assert only("a -S 1,2,3").seeds == (1, 2, 3)
    assert only("a -S 0..3").seeds == (0, 1, 2, 3)
    assert only("a -S 7,0..2").seeds == (7, 0, 1, 2)


@pytest.mark.parametrize("text", ["a -s 10,20", "a -C 5..11:3", "a -W 256,512", "a -A ddim,k_euler"])
def test_the_error_of_a_list_for_another_switch_names_sweep(text: str) -> None:
    assert "!sweep" in error(text).message


def test_a_list_of_strengths_is_a_chain() -> None:
    line = parse("a -I x.png -f .6,.4,.2 -s 9")
    assert isinstance(line, Generation)
    assert [stage.request.strength for stage in line.stages] == [0.6, 0.4, 0.2]
    assert [stage.request.num_inference_steps for stage in line.stages] == [9, None, None]
    assert "0 to 1" in error("a -I x.png -f .6,1.4").message


# -- chains -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        ("a -s5 | b -f.5 | c", ["a", "b", "c"]),
        ("a|b", ["a|b"]),
        ("a |b", ["a |b"]),
        ("a \\| b", ["a \\| b"]),
        ('"a | b" | c', ["a | b", "c"]),
        ("a (b | c) | d", ["a (b | c)", "d"]),
        ("a [b | c] {d | e} | f", ["a [b | c] {d | e}", "f"]),
        ("a ( b | c", ["a ( b", "c"]),
    ],
)
def test_bars_separate_stages(text: str, prompts: list[str]) -> None:
    line = parse(text)
    assert isinstance(line, Generation)
    assert [stage.request.prompt for stage in line.stages] == prompts


def test_an_empty_stage_is_an_error() -> None:
    assert pointed_at("a | | b") == "|"


# -- comments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["# a", "// a", "", "   ", "invoke> # a"])
def test_comments_and_empty_lines_are_blank(text: str) -> None:
    assert isinstance(parse(text), Blank)


def test_a_comment_may_follow_the_first_switch() -> None:
    assert only("a cat -s 50 # model_id=stable-diffusion-1.5") == GenerationRequest(
        prompt="a cat", num_inference_steps=50
    )
    assert only("a cat # 5").prompt == "a cat # 5"


@pytest.mark.parametrize(
    "leader",
    [
        "invoke> ",
        "dream> ",
        "(stable-diffusion-1.5) invoke> ",
        "[17] outputs/000017.42.png: ",
        "[3.2] a b.png: ",
        "outputs/000017.42.png: ",
        "/home/me/my pictures/000017.42.jpg: ",
        "C:\\out\\000017.42.webp: ",
        "000017.42.png: ",
    ],
)
def test_pasted_prompts_and_echo_lines_lose_their_prefix(leader: str) -> None:
    assert only(f"{leader}a cat -s5") == GenerationRequest(prompt="a cat", num_inference_steps=5)


@pytest.mark.parametrize("text", ["cat.png: a drawing", "a photo of cat.png: sharp", "half 3/4 of a.png: b"])
def test_words_before_a_colon_that_are_no_path_of_a_log_stay(text: str) -> None:
    assert only(text).prompt == text


# -- unset prompts and colons -----------------------------------------------------------------------------------------


def test_switches_alone_leave_the_prompt_unset() -> None:
    assert only("-s5").prompt is None
    assert only('"" -s5').prompt == ""


def test_colons_are_text() -> None:
    assert only("photo at 10:30 in the morning").prompt == "photo at 10:30 in the morning"
