"""Help and completion are derived from the tables of switches and commands."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from invoke_cli.cli import advanced_help, basic_help
from invoke_cli.commands.session.help import Page, help_text, topic_names
from invoke_cli.commands.table import COMMANDS
from invoke_cli.errors import CommandError
from invoke_cli.language.completion.complete import Sources, complete
from invoke_cli.language.grammar.axes import parse_sweep
from invoke_cli.language.grammar.line import CommandLine, Generation, parse
from invoke_cli.language.help.render import switch_help
from invoke_cli.language.switches.switch import Completes, Group
from invoke_cli.language.switches.table import SWITCHES
from tests.session_harness import SessionHarness

PAGE = Page(commands=COMMANDS)

SOURCES = Sources(
    samplers=lambda _: [("ddim", "DDIM"), ("k_euler", "Euler")],
    models=lambda _: [("sketchbook", "ours")],
    images=lambda _: [("@last", ""), ("my pic.png", ""), ("sketch.png", "")],
    starts=lambda _: [("@last", ""), ("my pic.png", ""), ("sketch.png", "")],
    loras=lambda _: [("film", ""), ("film noir", "")],
    seeds=lambda _: [("-1", ""), ("42", "image 3")],
    commands=lambda: [(command.name, command.help, command.argument.value) for command in COMMANDS],
    topics=topic_names,
    embeddings=lambda _: [("cat-toy", ""), ("marble", "")],
    paths=lambda _: [("weights/", "folder"), ("my model.ckpt", "")],
    lists=lambda _: [("evening.txt", "")],
)


def completions(text: str) -> list[str]:
    return [candidate.text for candidate in complete(text, len(text), SOURCES)]


def test_each_switch_is_in_the_help_and_can_be_completed() -> None:
    page = switch_help()
    for switch in SWITCHES:
        assert switch.help.split(";")[0][:30] in " ".join(page.split()), switch.name
        assert any(text in switch.flags for text in completions(f"a cat {switch.name}")), switch.name


def test_each_command_is_in_the_help_and_can_be_completed() -> None:
    page = help_text("commands", PAGE)
    for command in COMMANDS:
        assert f"!{command.name}" in page
        assert f"!{command.name}" in completions(f"!{command.name}")
        assert command.help and not command.help.endswith(".")


@pytest.mark.feature("help-levels")
def test_the_first_screen_is_short_and_advanced_help_has_the_rest() -> None:
    page, advanced = basic_help(80, {}), advanced_help(100, {})
    assert "--fnformat" not in page and "invoke --help advanced" in page
    assert advanced.index("\nbasic\n") < advanced.index("\ninit image\n")
    assert "--fnformat" in advanced and "--from_file" in advanced


@pytest.mark.feature("help-fits")
@pytest.mark.parametrize("width", [60, 80, 100, 160])
@pytest.mark.parametrize("topic", ["", *topic_names()])
def test_each_page_fits_the_window(topic: str, width: int) -> None:
    page = help_text(topic, Page(width=width, commands=COMMANDS))
    too_long = [line for line in page.splitlines() if len(line) > width and " " in line.strip()]
    assert not too_long or topic == "schema", too_long[:3]
    words = sorted(help_text(topic, Page(width=500, commands=COMMANDS)).split())
    assert sorted(page.split()) == words, "nothing is cut off"


@pytest.mark.parametrize("page", [lambda: basic_help(80, {}), lambda: help_text("", Page(width=80, commands=COMMANDS))])
def test_the_first_screens_fit_24_lines_of_80_columns(page: Callable[[], str]) -> None:
    lines = page().splitlines()
    assert len(lines) < 24 and max(map(len, lines)) <= 80, (len(lines), max(lines, key=len))


def test_the_help_shows_the_defaults_of_the_model(harness: SessionHarness) -> None:
    harness.run("!set -s 17 -C 3")
    harness.run("!help")
    assert re.search(r"-s N +denoising steps \(default 17\)", harness.messages), harness.messages
    harness.run("!help -C")
    assert "(default 3)" in harness.messages


@pytest.mark.parametrize("topic", topic_names())
def test_each_topic_has_a_page(topic: str) -> None:
    assert len(help_text(topic, PAGE)) > 100


@pytest.mark.parametrize("topic", ["sweeps", "variations", "explore", "upscaling", "chains", "masks"])
def test_the_examples_of_a_topic_are_valid_lines(topic: str) -> None:
    indented = re.findall(r"^  (\S.*?)(?: {3}.*)?$", help_text(topic, PAGE), flags=re.MULTILINE)
    assert len(indented) > 1
    for example in indented:
        parsed = parse(example)
        if isinstance(parsed, CommandLine) and parsed.name in ("sweep", "ladder"):
            sweep = parse_sweep(parsed.argument)
            parsed = parse(sweep.line_of(sweep.cells[-1]))
        assert isinstance(parsed, (CommandLine, Generation)), example


@pytest.mark.feature(
    "strength-scale",
    "no-convergence",
    "strength-and-guidance",
    "mask-help",
    "upscale-help",
    "tips",
    "trouble",
)
@pytest.mark.parametrize(
    ("topic", "advice"),
    [
        ("strength", ("0.3", "0.5", "0.8", "low -C", "high -C", "low -f", "high -f")),
        ("tips", ("caption for such an image", "20 to 30 steps", "[blurry, low quality, distorted]")),
        ("trouble", ("too subtle", "slow fewer steps", "out of memory", "artifacts", "colours drift")),
        ("img2img", ("inpainting, !help masks",)),
        ("img2img", ("specific about what should change", "what is in the image", "light", "perspective")),
        ("upscaling", ("Upscale last",)),
        ("steps", ("Why the result changes", "schedule of its own|own schedule", "29 and 30")),
        ("variations", ("-v", "-V", "init image", "first image")),
        ("sweeps", ("{a|b}", "-n", "photos", "--lora", "resume", ".csv", "--dry_run")),
    ],
)
def test_topics_contain_the_advice(topic: str, advice: tuple[str, ...]) -> None:
    text = " ".join(help_text(topic, PAGE).split())
    for words in advice:
        assert any(option in text for option in ([words] if "{" in words else words.split("|"))), words


def test_help_on_a_switch_and_on_an_unknown_word() -> None:
    assert "denoising steps" in help_text("-s", PAGE)
    assert "how closely to follow the prompt" in help_text("cfg_scale", PAGE)
    with pytest.raises(CommandError, match="no help on"):
        help_text("weather", PAGE)


def test_values_are_completed_after_their_switch() -> None:
    assert completions("a cat -A ") == ["ddim", "k_euler"]
    assert completions("a cat -A k_") == ["k_euler"]
    assert completions("a cat -Ak") == ["k_euler"]
    assert completions("a cat -I s") == ["sketch.png"]
    assert completions("a cat -I ") == ["@last", '"my pic.png"', "sketch.png"]
    assert completions("a cat -m sk") == ["sketchbook"]
    assert completions("a cat -S 4") == ["42"]
    assert completions("a cat --preview b") == ["blocks"]
    assert completions("a cat -f h") == ["heavy"]
    assert completions("a -I sketch.png ") == []
    assert completions("a cat --lora fi") == ["film", '"film noir"']
    assert completions("a cat -M my") == ['"my pic.png"']


def test_words_of_the_prompt_are_not_completed() -> None:
    assert completions("a cat on") == []
    assert completions('"a cat -A') == []


def test_commands_and_their_arguments_are_completed() -> None:
    assert "!fetch" in completions("!f")
    assert completions("!fetch s") == ["sketch.png"]
    assert completions("!switch s") == ["sketchbook"]
    assert "strength" in completions("!help st")
    assert completions("!plan a cat -A d") == ["ddim"]


@pytest.mark.feature("completion-2x")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("!import_model wei", ["weights/"]),
        ("!convert_model my", ['"my model.ckpt"']),
        ("!convert_model sk", ["sketchbook"]),
        ("!replay eve", ["evening.txt"]),
        ("!replay ske", ["sketch.png"]),
        ("a photo of <", ["<cat-toy>", "<marble>"]),
        ("a photo of <mar", ["<marble>"]),
        ('"a photo of <ca', ["<cat-toy>"]),
        ("a photo of \\<ca", []),
        ("a lake withLora(", ["film", "film noir"]),
        ("a lake withLora(film n", ["film noir"]),
        ("a lake withlora(fi", ["film", "film noir"]),
        ("a lake withLora(film,", []),
        ("!fix sketch.png -upscaler", []),
        ("!fix sketch.png --new_", ["--new_prompt"]),
        ('!fix "my pic.png" -U2 -I sk', ["sketch.png"]),
        ("!mask sk", ["sketch.png"]),
        ("!mask sketch.png --invert", ["--invert_mask"]),
        ("a lake -I", ["-I", "@last", '"my pic.png"', "sketch.png"]),
        ("a lake -A", ["-A", "ddim", "k_euler"]),
        ("a lake --ou", ["--outcrop", "--outdir"]),
        ("a lake --outp", ["--outpath_samples"]),
        ("a lake --sampl", ["--sampler"]),
        ("a lake --save_o", ["--save_original"]),
        ("a lake --it", ["--iterations"]),
    ],
)
def test_what_2x_completed_is_completed(text: str, expected: list[str]) -> None:
    assert completions(text) == expected


def test_glued_values_begin_right_after_the_switch() -> None:
    text = "a lake -I"
    starts = {each.text: each.start for each in complete(text, len(text), SOURCES)}
    assert starts["-I"] == 7 and starts["sketch.png"] == 9


def test_each_kind_of_completion_has_a_source() -> None:
    kinds = {switch.completes for switch in SWITCHES}
    assert kinds == set(Completes)
    assert {switch.group for switch in SWITCHES} == set(Group)
