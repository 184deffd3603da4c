"""The numbered decisions on the line (DESIGN section 1), each by its number, and the parameters of features.md B."""

from __future__ import annotations

import pytest

from invoke_cli.errors import LineError
from invoke_cli.language.formatting import format_line
from invoke_cli.language.line import Blank, CommandLine, Farewell, Generation, parse
from invoke_cli.language.refused import REFUSED
from invoke_cli.language.switches import SWITCHES
from invoke_cli.request import GenerationRequest, Variation


def only(text: str) -> GenerationRequest:
    line = parse(text)
    assert isinstance(line, Generation) and len(line.stages) == 1, line
    return line.stages[0].request


def error(text: str) -> LineError:
    with pytest.raises(LineError) as caught:
        parse(text)
    assert caught.value.line == text
    assert caught.value.hint, "an error without a remedy"
    return caught.value


def pointed_at(text: str) -> str:
    found = error(text)
    assert found.span is not None
    return text[found.span.start : found.span.end]


def test_lines_of_a1111_prompts_from_file_are_read() -> None:
    said = '--steps 4 --cfg_scale 7 --sampler_name "Euler a" --seed 1 --width 128 --height 64 --n_iter 2'
    assert only(f'--prompt "a red house" --negative_prompt "fog" {said}') == GenerationRequest(
        prompt="a red house", negative_prompt="fog", num_inference_steps=4, guidance_scale=7, scheduler="Euler a",
        seeds=(1,), width=128, height=64, num_images=2,
    )  # fmt: skip
    assert "-V 5:0.3" in str(error('--prompt "a house" --subseed 5 --subseed_strength 0.3').hint)


# -- 1 the prompt -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["fire -s10", '"fire" -s10', '-s10 "fire"', '-s 10 "fire"', "  fire   -s10  ", "fire -s=10"]
)
def test_decision_1_and_b1_quotes_are_optional(text: str) -> None:
    assert only(text) == GenerationRequest(prompt="fire", num_inference_steps=10)


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
def test_decision_1_text_survives(text: str, prompt: str) -> None:
    assert only(text) == GenerationRequest(prompt=prompt, num_inference_steps=5)


def test_decision_1_a_lone_quote_is_an_error_whose_remedy_is_shown() -> None:
    found = error('a 5" screen -s10')
    assert pointed_at('a 5" screen -s10') == '"'
    assert '\\"' in found.hint


@pytest.mark.parametrize("text", ["cat -s10 on a mat", '"cat" on a mat', "-s 10 cat", 'cat -s10 "dog"', '"cat"++ -s5'])
def test_decision_1_text_where_none_is_taken_is_an_error(text: str) -> None:
    assert error(text)


# -- 2 switches -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a -3d car", "a - b", "a -- b", "a word--", "a -5", "mid-air", "a -.5"])
def test_decision_2_what_is_no_switch_is_text(text: str) -> None:
    assert only(text).prompt == text


def test_decision_2_a_switch_as_the_last_thing() -> None:
    assert only("cat -g") == GenerationRequest(prompt="cat", grid=True)


@pytest.mark.parametrize("text", ["cat -gT", "cat -gs5", "cat --grid=yes"])
def test_decision_2_flags_do_not_bundle_and_take_no_value(text: str) -> None:
    assert "takes no value" in error(text).message


def test_decision_2_multi_letter_spellings_come_before_glued_values() -> None:
    assert only("cat -tm mug").text_mask == "mug"
    assert only("cat -ft gfpgan -cf .5").facetool == "gfpgan"
    assert only("cat -I x.png -fit").fit is True


def test_decision_2_values_glued_spaced_or_with_equals() -> None:
    wanted = GenerationRequest(prompt="a", init_image="./a.png")
    for text in ("a -I./a.png", "a -I ./a.png", "a -I=./a.png", "a --init_img ./a.png", "a --init_img=./a.png"):
        assert only(text) == wanted
    assert only("a -C7.5 -S-1") == GenerationRequest(prompt="a", guidance_scale=7.5, seeds=(-1,))


def test_decision_2_long_names_abbreviate_while_unique_and_dashes_are_underscores() -> None:
    assert only("a --stren .3").strength == 0.3
    assert only("a --save-intermediates 2").save_intermediates == 2
    assert "could be any of" in error("a --s 3").message


@pytest.mark.parametrize(("text", "near"), [("cat --fitt", "--fit"), ("cat --strenght .5", "--strength")])
def test_decision_2_a_misspelt_switch_names_the_nearest(text: str, near: str) -> None:
    assert near in error(text).hint


def test_decision_2_what_looks_like_a_switch_and_is_none() -> None:
    assert pointed_at("the best -known cat") == "-known"
    assert "\\-" in error("the best -known cat").hint
    assert only("the best \\-known cat").prompt == "the best \\-known cat"


def test_decision_2_the_last_of_two_wins_with_a_notice() -> None:
    line = parse("a -s5 -s7")
    assert isinstance(line, Generation)
    assert line.stages[0].request.num_inference_steps == 7
    assert "-s" in line.notices[0] and "7" in line.notices[0]


# -- 3 values ---------------------------------------------------------------------------------------------------------


def test_decision_3_quoted_values() -> None:
    assert only('a --neg "blurry, low quality"').negative_prompt == "blurry, low quality"
    assert only("a -I 'my pic.png'").init_image == "my pic.png"
    assert only("a -I it's.png").init_image == "it's.png"
    assert only('a -I "C:\\my pics\\x.png"').init_image == "C:\\my pics\\x.png"
    assert only("a -I C:\\new.png").init_image == "C:\\new.png"


def test_decision_3_negative_numbers_where_numbers_are_wanted() -> None:
    assert only("a -S -1").seeds == (-1,)
    assert only("a -I -1").init_image == "-1"
    assert "from 0 to 1" in error("a -f -1").message
    assert only("a -I ./-1").init_image == "./-1"


@pytest.mark.parametrize("text", ["a -s", "a -I -f .5", "a -s | b", "-S"])
def test_decision_3_a_missing_value(text: str) -> None:
    assert "needs a value" in error(text).message


# -- 4 lists ----------------------------------------------------------------------------------------------------------


def test_decision_4_seed_lists_and_ranges() -> None:
    assert only("a -S 1,2,3").seeds == (1, 2, 3)
    assert only("a -S 0..3").seeds == (0, 1, 2, 3)
    assert only("a -S 7,0..2").seeds == (7, 0, 1, 2)


@pytest.mark.parametrize("text", ["a -s 10,20", "a -C 5..11:3", "a -W 256,512", "a -A ddim,k_euler"])
def test_decision_4_other_lists_name_the_sweep(text: str) -> None:
    assert "!sweep" in error(text).message


def test_decision_4_a_list_of_strengths_is_a_chain() -> None:
    line = parse("a -I x.png -f .6,.4,.2 -s 9")
    assert isinstance(line, Generation)
    assert [stage.request.strength for stage in line.stages] == [0.6, 0.4, 0.2]
    assert [stage.request.num_inference_steps for stage in line.stages] == [9, None, None]
    assert "0 to 1" in error("a -I x.png -f .6,1.4").message


# -- 5 chains ---------------------------------------------------------------------------------------------------------


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
def test_decision_5_bars(text: str, prompts: list[str]) -> None:
    line = parse(text)
    assert isinstance(line, Generation)
    assert [stage.request.prompt for stage in line.stages] == prompts


def test_decision_5_an_empty_stage_is_an_error() -> None:
    assert pointed_at("a | | b") == "|"


# -- 6 comments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["# a", "// a", "", "   ", "invoke> # a"])
def test_decision_6_comments(text: str) -> None:
    assert isinstance(parse(text), Blank)


def test_decision_6_a_comment_after_the_first_switch() -> None:
    assert only("a cat -s 50 # model_id=stable-diffusion-1.5") == GenerationRequest(
        prompt="a cat", num_inference_steps=50
    )
    assert only("a cat # 5").prompt == "a cat # 5"


@pytest.mark.parametrize(
    "leader",
    ["invoke> ", "dream> ", "(stable-diffusion-1.5) invoke> ", "[17] outputs/000017.42.png: ", "[3.2] a b.png: "],
)
def test_decision_6_pasted_prompts_and_results(leader: str) -> None:
    assert only(f"{leader}a cat -s5") == GenerationRequest(prompt="a cat", num_inference_steps=5)


# -- 7 and 8 ----------------------------------------------------------------------------------------------------------


def test_decision_7_switches_alone_say_no_prompt() -> None:
    assert only("-s5").prompt is None
    assert only('"" -s5').prompt == ""


def test_decision_8_colons_are_text() -> None:
    assert only("photo at 10:30 in the morning").prompt == "photo at 10:30 in the morning"


# -- the rest of the grammar ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["q", "quit", "exit", "  q "])
def test_farewells(text: str) -> None:
    assert isinstance(parse(text), Farewell)
    assert only(f'"{text.strip()}"').prompt == text.strip()
    assert format_line([GenerationRequest(prompt=text.strip())]) == f'"{text.strip()}"'


def test_commands() -> None:
    line = parse("  !fetch  a b.png ")
    assert isinstance(line, CommandLine)
    assert (line.name, line.argument) == ("fetch", "a b.png")
    numbered = parse("!17")
    assert isinstance(numbered, CommandLine) and numbered.name == "17"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a -f 1.2", "1.2"),
        ("a -f -1", "-1"),
        ("a -s 0", "0"),
        ("a -s 1001", "1001"),
        ("a -S 4294967296", "4294967296"),
        ("a -S 0..99999999", "0..99999999"),
        ("a -C abc", "abc"),
        ("a -C nan", "nan"),
        ("a -C 1_0", "1_0"),
        ("a -V 5", "5"),
        ("a -V 5:2", "5:2"),
        ("a -z 10", "10"),
        ("a --preview vga", "vga"),
        ("a -s ١", "١"),
    ],
)
def test_b2_b4_b12_values_out_of_range_are_pointed_at(text: str, part: str) -> None:
    assert pointed_at(text) == part


def test_b12_strength_words_and_ends() -> None:
    assert [only(f"a -f {word}").strength for word in ("light", "balanced", "heavy", "0", "1")] == [0.3, 0.5, 0.8, 0, 1]


def test_variations_in_all_separators() -> None:
    wanted = (Variation(5, 0.1), Variation(7, 0.2))
    for text in ("5:0.1,7:0.2", "5,0.1;7,0.2", "5,.1,7,.2", "5:.1;7:.2"):
        assert only(f"a -V {text}").variations == wanted


def test_every_spelling_of_the_original_is_known() -> None:
    """The switches of InvokeAI 2.3's prompt line: each is a row, or is refused by name with a remedy."""
    spellings = [
        "--prompt",
        "-s",
        "--steps",
        "-S",
        "--seed",
        "-n",
        "--iterations",
        "-W",
        "--width",
        "-H",
        "--height",
        "-C",
        "--cfg_scale",
        "-A",
        "-m",
        "--sampler",
        "--threshold",
        "--perlin",
        "--h_symmetry_time_pct",
        "--v_symmetry_time_pct",
        "--seamless",
        "--seamless_axes",
        "--hires_fix",
        "-g",
        "--grid",
        "--no-grid",
        "-i",
        "--individual",
        "-x",
        "--skip_normalize",
        "-t",
        "--log_tokenization",
        "-o",
        "--outdir",
        "--fnformat",
        "-z",
        "--png_compression",
        "--save_intermediates",
        "--karras_max",
        "--use_mps_noise",
        "-p",
        "--prompt_as_dir",
        "-I",
        "--init_img",
        "-f",
        "--strength",
        "-T",
        "-fit",
        "--fit",
        "-M",
        "--init_mask",
        "-tm",
        "--text_mask",
        "--invert_mask",
        "-r",
        "--inpaint_replace",
        "--init_color",
        "--force_outpaint",
        "--seam_size",
        "--seam_blur",
        "--seam_strength",
        "--seam_steps",
        "--tile_size",
        "-v",
        "--variation_amount",
        "-V",
        "--with_variations",
        "-G",
        "--facetool_strength",
        "--gfpgan_strength",
        "-ft",
        "--facetool",
        "-cf",
        "--codeformer_fidelity",
        "-U",
        "--upscale",
        "-save_orig",
        "--save_original",
        "--embiggen",
        "-embiggen",
        "--embiggen_tiles",
        "--embiggen_strength",
        "-c",
        "--outcrop",
        "-D",
        "--out_direction",
        "--new_prompt",
    ]
    for spelling in spellings:
        try:
            parse(f"a {spelling} 1")
        except LineError as found:
            assert "is not a switch" not in found.message or found.hint, spelling
            assert "to keep it as text" not in found.hint, f"{spelling} is unknown"


def test_refused_spellings_do_not_overlap_the_table() -> None:
    taken = [flag for row in SWITCHES for flag in row.flags] + [flag for row in REFUSED for flag in row.flags]
    assert len(taken) == len(set(taken))


@pytest.mark.parametrize("text", ["a\x00b", "a \x1b[31m", "a\x9bb", "a\ud800"])
def test_control_characters_are_refused(text: str) -> None:
    assert "control" in error(text).message


@pytest.mark.parametrize("text", ["שלום עולם -s5", "a 🦊 in snow -s5", "naïve café -s5", "20 ÷ 0.4 -s5"])
def test_any_script_is_a_prompt(text: str) -> None:
    assert only(text).prompt == text.removesuffix(" -s5")


HUGE = ("(" * 50_000, "[|] " * 25_000, '"a" ' * 25_000, "-" * 100_000, "a:" * 50_000, "\\" * 100_001, "a " * 50_000)


@pytest.mark.parametrize("text", HUGE, ids=range(len(HUGE)))
def test_a_100_kb_line_is_read_or_refused(text: str) -> None:
    try:
        read: object = parse(text)
    except LineError as refused:
        read = refused.hint
    assert read


@pytest.mark.parametrize("name", ["--precision", "--device", "--root", "--config", "--offline", "--from-file"])
def test_what_belongs_to_the_start_says_so_on_a_line(name: str) -> None:
    with pytest.raises(LineError, match="belongs to the start") as caught:
        parse(f"a cat {name} x")
    assert f"invoke {name}" in caught.value.hint
