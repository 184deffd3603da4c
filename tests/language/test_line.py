"""The grammar of a line: quitting, commands, value ranges, and every switch spelling of InvokeAI 2.3."""

from __future__ import annotations

import pytest

from invoke_cli.errors import LineError
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.line import CommandLine, Quit, parse
from invoke_cli.language.switches.rejected import REJECTED_SWITCHES
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.request import GenerationRequest, Variation
from tests.parsing import error, only, pointed_at


def test_lines_of_a1111_prompt_files_are_parsed() -> None:
    switches = '--steps 4 --cfg_scale 7 --sampler_name "Euler a" --seed 1 --width 128 --height 64 --n_iter 2'
    assert only(f'--prompt "a red house" --negative_prompt "fog" {switches}') == GenerationRequest(
        prompt="a red house", negative_prompt="fog", num_inference_steps=4, guidance_scale=7, scheduler="Euler a",
        seeds=(1,), width=128, height=64, num_images=2,
    )  # fmt: skip
    assert "-V 5:0.3" in str(error('--prompt "a house" --subseed 5 --subseed_strength 0.3').hint)


@pytest.mark.parametrize("text", ["q", "quit", "exit", "  q "])
def test_q_quit_and_exit_quit_unless_quoted(text: str) -> None:
    assert isinstance(parse(text), Quit)
    assert only(f'"{text.strip()}"').prompt == text.strip()
    assert format_line([GenerationRequest(prompt=text.strip())]) == f'"{text.strip()}"'


def test_a_command_has_a_name_and_an_argument() -> None:
    line = parse("  !fetch  a b.png ")
    assert isinstance(line, CommandLine)
    assert (line.name, line.argument) == ("fetch", "a b.png")
    numbered = parse("!17")
    assert isinstance(numbered, CommandLine) and numbered.name == "17"


@pytest.mark.feature("steps")
@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a -f 1.2", "1.2"),
        ("a -f -1", "-1"),
        ("a -s 0", "0"),
        ("a -s 1001", "1001"),
        ("a -S 18446744073709551616", "18446744073709551616"),
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
def test_the_error_of_a_value_out_of_range_points_at_it(text: str, part: str) -> None:
    assert pointed_at(text) == part


@pytest.mark.feature("strength")
def test_strength_takes_words_and_both_ends_of_its_range() -> None:
    assert [only(f"a -f {word}").strength for word in ("light", "balanced", "heavy", "0", "1")] == [0.3, 0.5, 0.8, 0, 1]


def test_variations_take_all_separators() -> None:
    expected = (Variation(5, 0.1), Variation(7, 0.2))
    for text in ("5:0.1,7:0.2", "5,0.1;7,0.2", "5,.1,7,.2", "5:.1;7:.2"):
        assert only(f"a -V {text}").variations == expected


@pytest.mark.feature("lines-2x")
def test_every_switch_of_invokeai_2_3_is_known() -> None:
    """Each switch of InvokeAI 2.3's prompt line is a row of the table, or is rejected by name with a remedy."""
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
            assert found.hint and "to keep it as text" not in found.hint, f"{spelling} is unknown"


def test_rejected_spellings_do_not_overlap_the_table() -> None:
    taken = [flag for row in SWITCHES for flag in row.flags] + [flag for row in REJECTED_SWITCHES for flag in row.flags]
    assert len(taken) == len(set(taken))


@pytest.mark.parametrize("text", ["a\x00b", "a \x1b[31m", "a\x9bb", "a\ud800"])
def test_control_characters_are_rejected(text: str) -> None:
    assert "control" in error(text).message


@pytest.mark.parametrize("text", ["שלום עולם -s5", "a 🦊 in snow -s5", "naïve café -s5", "20 ÷ 0.4 -s5"])
def test_any_script_is_a_prompt(text: str) -> None:
    assert only(text).prompt == text.removesuffix(" -s5")


HUGE = ("(" * 50_000, "[|] " * 25_000, '"a" ' * 25_000, "-" * 100_000, "a:" * 50_000, "\\" * 100_001, "a " * 50_000)


@pytest.mark.parametrize("text", HUGE, ids=range(len(HUGE)))
def test_a_line_of_100_kb_parses_or_is_rejected(text: str) -> None:
    try:
        read: object = parse(text)
    except LineError as refused:
        read = refused.hint
    assert read


@pytest.mark.parametrize("name", ["--precision", "--device", "--root", "--config", "--offline", "--from-file"])
def test_a_launch_option_on_a_line_is_named_as_such(name: str) -> None:
    with pytest.raises(LineError, match="is a launch option") as caught:
        parse(f"a cat {name} x")
    assert f"invoke {name}" in caught.value.hint
